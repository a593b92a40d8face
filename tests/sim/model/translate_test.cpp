// SPDX-License-Identifier: Apache-2.0
// Each rule of the legacy-mode lookup: pages, widths, every fault reason both ways, the order of the checks.
#include "sim/model/translate.h"

#include <gtest/gtest.h>

#include "tests/sim/model/tables.h"
#include "tests/support/covers.h"

namespace gpudmar::model::test {
namespace {

using ::gpudmar::test::covers;

constexpr std::uint16_t kSid = 0x0100;
constexpr std::uint64_t kIova = 0x12'3456'7000;
constexpr std::uint64_t kPage = 0x100'0ABC'D000;  // above 1 TiB

class Translate : public ::testing::Test {
 protected:
  Translate() { leaf_ = tables_.map(stage_, 4, kIova, kPage); }

  Outcome run(const Request& request) const {
    return translate(config_, {true, Tables::kRoot, ttm_}, memory_, request);
  }
  /// The reason of the fault; 0 = no fault.
  unsigned reason(const Request& request) const {
    const Outcome outcome = run(request);
    const auto* fault = std::get_if<Fault>(&outcome);
    return fault == nullptr ? 0 : static_cast<unsigned>(fault->reason);
  }
  unsigned read() const { return reason(read_of(kSid, kIova)); }
  unsigned write() const { return reason(write_of(kSid, kIova)); }
  bool suppressed(const Request& request) const { return std::get<Fault>(run(request)).suppressed; }
  std::uint64_t address(const Request& request) const {
    return outgoing_address(run(request)).value_or(~0ULL);
  }
  std::uint64_t& q(std::uint64_t pa) { return memory_.qwords[pa]; }
  std::uint64_t entry(unsigned level) { return tables_.entry(stage_, 4, kIova, level); }

  UnitConfig config_;
  SparseMemory memory_;
  Tables tables_{memory_};
  std::uint64_t stage_ = tables_.attach(kSid, 7);
  std::uint64_t context_ = tables_.context_entry(kSid);
  std::uint64_t leaf_ = 0;
  unsigned ttm_ = 0;
};

TEST_F(Translate, FourKibPage) {
  covers("vtd.walk.page-4k");
  const auto t = std::get<Translated>(run(read_of(kSid, kIova + 0x123)));
  EXPECT_EQ(t.address, kPage + 0x123);
  EXPECT_EQ(t.did, 7);
  EXPECT_EQ(t.page_shift, 12U);
  EXPECT_TRUE(t.readable && t.writable);
}

TEST_F(Translate, LargePages) {
  covers("vtd.walk.page-2m", "vtd.walk.page-1g");
  tables_.map(stage_, 4, 0x4000'0000, 0x1'0020'0000, kReadWrite, 2);
  tables_.map(stage_, 4, 0x80'0000'0000, 0x40'0000'0000, kRead, 3);
  EXPECT_EQ(address(read_of(kSid, 0x401F'FFC0)), 0x1'003F'FFC0U);
  EXPECT_EQ(address(read_of(kSid, 0x80'3FFF'F000)), 0x40'3FFF'F000U);
  EXPECT_EQ(std::get<Translated>(run(read_of(kSid, 0x80'0000'0000))).page_shift, 30U);
  EXPECT_EQ(reason(write_of(kSid, 0x80'0000'0000)), 5U);
}

TEST_F(Translate, ThreeAndFiveLevels) {
  config_.sagaw = 0b1110;
  config_.mgaw = 57;
  const std::uint64_t three = tables_.attach(0x0201, 9, 1);
  tables_.map(three, 3, 0x7F'FFFF'F000, 0x5000);
  EXPECT_EQ(address(read_of(0x0201, 0x7F'FFFF'F010)), 0x5010U);
  const std::uint64_t five = tables_.attach(0x0202, 9, 3);
  tables_.map(five, 5, 0x1FF'FFFF'FFFF'F000, 0x6000);
  EXPECT_EQ(address(read_of(0x0202, 0x1FF'FFFF'FFFF'F008)), 0x6008U);
  EXPECT_EQ(reason(read_of(0x0202, 0x200'0000'0000'0000)), 4U);
}

TEST_F(Translate, RightsAreThoseOfAllLevels) {
  q(entry(3)) &= ~kWrite;
  EXPECT_EQ(write(), 5U);
  const auto t = std::get<Translated>(run(read_of(kSid, kIova)));
  EXPECT_TRUE(t.readable);
  EXPECT_FALSE(t.writable);
}

TEST_F(Translate, IgnoredBitsAreIgnored) {
  q(leaf_) |= 0xBFF0'0000'0000'07FCULL;  // X, EMT, IPAT, bit 7 of a 4 KiB leaf, A, D, 10, 61:52, 63
  EXPECT_EQ(address(read_of(kSid, kIova)), kPage);
  q(context_ + 8) |= 0x78;  // 70:67
  EXPECT_EQ(address(read_of(kSid, kIova)), kPage);
}

TEST_F(Translate, RemappingOffPasses) {
  const RootState off{false, Tables::kRoot, 0};
  EXPECT_TRUE(std::get<Pass>(translate(config_, off, memory_, read_of(kSid, 0xABC'0000'1234))).remapping_off);
  Request ats = read_of(kSid, kIova);
  ats.at = kAtTranslationRequest;
  EXPECT_TRUE(std::holds_alternative<Aborted>(translate(config_, off, memory_, ats)));
}

TEST_F(Translate, PassThrough) {
  tables_.attach(0x0300, 12, 2, 2);
  const auto pass = std::get<Pass>(run(read_of(0x0300, 0x3FFF'FFFF'F040)));
  EXPECT_EQ(pass.address, 0x3FFF'FFFF'F040U);
  EXPECT_EQ(pass.did, 12);
  EXPECT_EQ(reason(read_of(0x0300, 0x4000'0000'0000)), 4U);  // 2^46
  tables_.attach(0x0301, 12, 1, 2);                          // not the widest supported
  EXPECT_EQ(reason(read_of(0x0301, 0x1000)), 3U);
}

TEST_F(Translate, InterruptWindow) {
  covers("vtd.interrupt.window");
  EXPECT_TRUE(std::holds_alternative<Message>(run(write_of(kSid, 0xFEE0'1000, 4))));
  EXPECT_TRUE(std::holds_alternative<Aborted>(run(write_of(kSid, 0xFEE0'1000, 8))));
  EXPECT_TRUE(std::holds_alternative<Aborted>(run(read_of(kSid, 0xFEEF'FFFC, 4))));
  EXPECT_EQ(reason(write_of(kSid, 0xFEF0'0000, 4)), 5U);  // first address behind the window: an ordinary one
  EXPECT_EQ(reason(write_of(kSid, 0xFEDF'FFFC, 4)), 5U);
}

TEST_F(Translate, Fault01RootNotPresent) {
  covers("vtd.fault.01");
  EXPECT_EQ(read(), 0U);
  q(tables_.root_entry(kSid)) = 0xFFE;  // P = 0 hides reserved bits
  EXPECT_EQ(read(), 1U);
}

TEST_F(Translate, Fault02ContextNotPresent) {
  covers("vtd.fault.02");
  EXPECT_EQ(reason(read_of(0x0108, kIova)), 2U);
  q(context_) &= ~1ULL;
  q(context_ + 8) |= 0xFFULL << 32;
  EXPECT_EQ(read(), 2U);
  EXPECT_FALSE(suppressed(read_of(kSid, kIova)));
  q(context_) |= 2;  // FPD counts although P = 0
  EXPECT_TRUE(suppressed(read_of(kSid, kIova)));
}

TEST_F(Translate, Fault03InvalidContext) {
  covers("vtd.fault.03");
  const std::uint64_t good = q(context_), good_high = q(context_ + 8);
  for (const unsigned aw : {0U, 3U, 4U, 5U, 7U}) {
    q(context_ + 8) = (good_high & ~7ULL) | aw;
    EXPECT_EQ(read(), 3U) << "AW " << aw;
  }
  q(context_ + 8) = good_high;
  for (const unsigned tt : {1U, 3U}) {
    q(context_) = good | tt << 2;
    EXPECT_EQ(read(), 3U) << "TT " << tt;
  }
  q(context_) = good | 2ULL << 2;
  config_.pt = false;
  EXPECT_EQ(read(), 3U);
  q(context_) = good | 1ULL << 46;  // beyond HAW
  EXPECT_EQ(read(), 3U);
  q(context_) = good;
  EXPECT_EQ(read(), 0U);
  memory_.broken.insert(stage_ >> 12);
  EXPECT_EQ(read(), 3U);
}

TEST_F(Translate, Fault04AddressWidth) {
  covers("vtd.fault.04");
  EXPECT_EQ(reason(read_of(kSid, 0xFFFF'FFFF'F000)), 6U);  // inside: walks
  EXPECT_EQ(reason(read_of(kSid, 1ULL << 48)), 4U);
  EXPECT_EQ(reason(read_of(kSid, 1ULL << 63)), 4U);
  tables_.attach(0x0201, 9, 1);
  EXPECT_EQ(reason(read_of(0x0201, 1ULL << 39)), 4U);
  config_.mgaw = 40;
  EXPECT_EQ(reason(read_of(kSid, 1ULL << 40)), 4U);
}

TEST_F(Translate, Fault05Write) {
  covers("vtd.fault.05");
  EXPECT_EQ(write(), 0U);
  q(leaf_) = kPage | kRead;
  EXPECT_EQ(write(), 5U);
  EXPECT_EQ(read(), 0U);
  q(leaf_) = kPage;
  EXPECT_EQ(write(), 5U);  // not present has no code of its own
}

TEST_F(Translate, Fault06Read) {
  covers("vtd.fault.06");
  q(leaf_) = kPage | kWrite;
  EXPECT_EQ(read(), 6U);
  EXPECT_EQ(write(), 0U);
  Request zero = read_of(kSid, kIova, 4);
  zero.zero_length = true;
  EXPECT_EQ(reason(zero), 6U);
  config_.zlr = true;
  EXPECT_EQ(reason(zero), 0U);
  q(leaf_) = 0;
  EXPECT_EQ(reason(zero), 6U);
}

TEST_F(Translate, ZeroLengthReadNeedsOnePermissionOfAllLevels) {
  covers("vtd.fault.06", "vtd.walk.zero-length");
  Request zero = read_of(kSid, kIova);
  zero.zero_length = true;
  struct Case {
    std::uint64_t upper, leaf;
    unsigned without, with;  // reason, by CAP.ZLR
  };
  const Case cases[] = {{1, 1, 0, 0}, {1, 2, 6, 6}, {2, 1, 6, 6}, {2, 2, 6, 0},
                        {3, 2, 6, 0}, {2, 3, 6, 0}, {1, 3, 0, 0}, {0, 3, 6, 6}};
  for (const Case& c : cases) {
    SCOPED_TRACE(testing::Message() << c.upper << " " << c.leaf);
    q(entry(2)) = (q(entry(2)) & ~kReadWrite) | c.upper;
    q(leaf_) = kPage | c.leaf;
    config_.zlr = false;
    EXPECT_EQ(reason(zero), c.without);
    config_.zlr = true;
    EXPECT_EQ(reason(zero), c.with);
  }
}

TEST_F(Translate, SnoopIsTheLeafsWithSnoopControl) {
  covers("vtd.walk.snoop");
  constexpr std::uint64_t kSnp = 1ULL << 11;
  const auto snoop = [this](const Request& request) { return std::get<Translated>(run(request)).snoop; };
  config_.sc = true;
  EXPECT_FALSE(snoop(read_of(kSid, kIova)));
  q(leaf_) |= kSnp;
  EXPECT_TRUE(snoop(read_of(kSid, kIova)));
  EXPECT_TRUE(snoop(write_of(kSid, kIova)));
  tables_.map(stage_, 4, 0x4000'0000, 0x1'0000'0000, kReadWrite, 2);
  EXPECT_FALSE(snoop(read_of(kSid, 0x4000'0000)));
  q(tables_.entry(stage_, 4, 0x4000'0000, 2)) |= kSnp;
  EXPECT_TRUE(snoop(read_of(kSid, 0x4010'0000)));
}

TEST_F(Translate, AtomicNeedsBoth) {
  Request atomic = write_of(kSid, kIova, 8);
  atomic.atomic = true;
  EXPECT_EQ(reason(atomic), 0U);
  q(leaf_) = kPage | kRead;
  EXPECT_EQ(reason(atomic), 5U);
  q(leaf_) = kPage | kWrite;
  EXPECT_EQ(reason(atomic), 6U);
  q(leaf_) = 0;
  const auto fault = std::get<Fault>(run(atomic));
  EXPECT_EQ(fault.reason, Reason::kWrite);
  EXPECT_EQ(fault.alternate, Reason::kRead);
}

TEST_F(Translate, Fault07PagingFetch) {
  covers("vtd.fault.07");
  EXPECT_EQ(read(), 0U);
  for (const unsigned level : {3U, 2U, 1U}) {
    memory_.broken = {entry(level) >> 12};
    EXPECT_EQ(read(), 7U) << "level " << level;
  }
}

TEST_F(Translate, Fault08RootFetch) {
  covers("vtd.fault.08");
  memory_.broken.insert(Tables::kRoot >> 12);
  EXPECT_EQ(read(), 8U);
  memory_.broken.clear();
  const RootState beyond{true, 1ULL << 46, 0};
  EXPECT_EQ(std::get<Fault>(translate(config_, beyond, memory_, read_of(kSid, kIova))).reason,
            Reason::kRootFetch);
  EXPECT_EQ(read(), 0U);
}

TEST_F(Translate, Fault09ContextFetch) {
  covers("vtd.fault.09");
  EXPECT_EQ(read(), 0U);
  memory_.broken.insert(context_ >> 12);
  EXPECT_EQ(read(), 9U);
  EXPECT_FALSE(suppressed(read_of(kSid, kIova)));
}

TEST_F(Translate, Fault0ARootReserved) {
  covers("vtd.fault.0A");
  const std::uint64_t root = tables_.root_entry(kSid), good = q(root);
  for (const unsigned bit : {1U, 11U, 46U, 63U}) {
    q(root) = good | 1ULL << bit;
    EXPECT_EQ(read(), 0xAU) << "bit " << bit;
  }
  q(root) = good;
  for (const unsigned bit : {0U, 63U}) {
    q(root + 8) = 1ULL << bit;
    EXPECT_EQ(read(), 0xAU) << "bit " << 64 + bit;
  }
  q(root + 8) = 0;
  EXPECT_EQ(read(), 0U);
}

TEST_F(Translate, Fault0BContextReserved) {
  covers("vtd.fault.0B");
  const std::uint64_t good = q(context_), good_high = q(context_ + 8);
  for (const unsigned bit : {4U, 11U}) {
    q(context_) = good | 1ULL << bit;
    EXPECT_EQ(read(), 0xBU) << "bit " << bit;
  }
  q(context_) = good;
  for (const unsigned bit : {7U, 24U, 63U}) {
    q(context_ + 8) = good_high | 1ULL << bit;
    EXPECT_EQ(read(), 0xBU) << "bit " << 64 + bit;
  }
  q(context_ + 8) = good_high | 1ULL << 16;  // domain-id bit 8
  EXPECT_EQ(read(), 0U);
  config_.nd = 2;
  EXPECT_EQ(read(), 0xBU);
}

TEST_F(Translate, Fault0CPagingReserved) {
  covers("vtd.fault.0C");
  EXPECT_EQ(read(), 0U);
  const auto probe = [this](unsigned level, unsigned bit) {
    std::uint64_t& qword = q(entry(level));
    const std::uint64_t good = qword;
    qword |= 1ULL << bit;
    const unsigned result = read();
    qword = good;
    return result;
  };
  for (const unsigned level : {1U, 2U, 3U, 4U}) {
    for (const unsigned bit : {11U, 46U, 51U, 62U}) {
      EXPECT_EQ(probe(level, bit), 0xCU) << "level " << level << " bit " << bit;
    }
  }
  EXPECT_EQ(probe(4, 7), 0xCU);
  config_.sc = true;
  EXPECT_EQ(probe(1, 11), 0U);    // snoop control in a leaf
  EXPECT_EQ(probe(2, 11), 0xCU);  // never above
  tables_.map(stage_, 4, 0x4000'0000, 0x1'0000'0000, kReadWrite, 2);
  const Request large = read_of(kSid, 0x4000'0000);
  EXPECT_EQ(reason(large), 0U);
  std::uint64_t& qword = q(tables_.entry(stage_, 4, 0x4000'0000, 2));
  qword |= 1ULL << 20;
  EXPECT_EQ(reason(large), 0xCU);
  qword &= ~(1ULL << 20);
  config_.sllps = 2;
  EXPECT_EQ(reason(large), 0xCU);
  tables_.map(stage_, 4, 0x80'0000'0000, 0x40'0000'0000, kReadWrite, 3);
  const Request huge = read_of(kSid, 0x80'0000'0000);
  EXPECT_EQ(reason(huge), 0U);
  config_.sllps = 1;
  EXPECT_EQ(reason(huge), 0xCU);
}

TEST_F(Translate, Fault0DTypeBlocked) {
  covers("vtd.fault.0D");
  for (const unsigned at : {kAtTranslationRequest, kAtTranslated}) {
    Request request = read_of(kSid, kIova);
    request.at = at;
    EXPECT_EQ(reason(request), 0xDU);
    tables_.attach(0x0300, 12, 2, 2);
    request.source_id = 0x0300;
    EXPECT_EQ(reason(request), 0xDU);
  }
  Request malformed = read_of(kSid, kIova);
  malformed.at = 3;
  EXPECT_TRUE(std::holds_alternative<Aborted>(run(malformed)));
}

TEST_F(Translate, DeviceTlbRequests) {
  config_.dt = true;
  q(context_) |= 1ULL << 2;
  Request request = read_of(kSid, kIova);
  EXPECT_EQ(address(request), kPage);
  request.at = kAtTranslated;
  EXPECT_EQ(std::get<Pass>(run(request)).address, kIova);
  request.address = 1ULL << 46;
  EXPECT_EQ(reason(request), 4U);
  request.address = kIova;
  request.at = kAtTranslationRequest;
  q(leaf_) = kPage | kWrite;
  auto completion = std::get<Completion>(run(request));
  EXPECT_EQ(completion.address, kPage);
  EXPECT_FALSE(completion.readable);
  EXPECT_TRUE(completion.writable);
  q(leaf_) = 0;
  completion = std::get<Completion>(run(request));
  EXPECT_FALSE(completion.readable || completion.writable);
}

TEST_F(Translate, Fault0EOutputInInterruptWindow) {
  covers("vtd.fault.0E");
  q(leaf_) = 0xFEE0'0000 | kReadWrite;
  EXPECT_EQ(read(), 0xEU);
  q(leaf_) = 0xFEEF'F000 | kReadWrite;
  EXPECT_EQ(write(), 0xEU);
  q(leaf_) = 0xFEF0'0000 | kReadWrite;
  EXPECT_EQ(write(), 0U);
  q(leaf_) = 0xFEDF'F000 | kReadWrite;
  EXPECT_EQ(read(), 0U);
  // The page counts, not the address: FEF0_0000h lies in the same 2 MiB page as the window.
  tables_.map(stage_, 4, 0x4000'0000, 0xFEE0'0000, kReadWrite, 2);
  EXPECT_EQ(reason(read_of(kSid, 0x4010'0000)), 0xEU);
}

TEST_F(Translate, Fault30TableMode) {
  covers("vtd.fault.30");
  for (ttm_ = 1; ttm_ < 4; ++ttm_) EXPECT_EQ(read(), 0x30U) << "TTM " << ttm_;
  ttm_ = 0;
  EXPECT_EQ(read(), 0U);
}

TEST_F(Translate, Fault31PasidInLegacyMode) {
  covers("vtd.fault.31");
  Request request = read_of(kSid, kIova);
  request.pasid_valid = true;
  EXPECT_EQ(reason(request), 0x31U);
  q(tables_.root_entry(kSid)) = 0;
  EXPECT_EQ(reason(request), 0x31U);  // before the root entry
  ttm_ = 2;
  EXPECT_EQ(reason(request), 0x30U);  // but after the table mode
}

// Each step breaks one thing more, from the last check to the first; the first broken one in order must win.
TEST_F(Translate, OrderOfChecks) {
  covers("vtd.order.checks");
  q(leaf_) = 0xFEE0'0000 | kRead | 1ULL << 62;
  EXPECT_EQ(read(), 0xCU);  // reserved before output range
  EXPECT_EQ(write(), 5U);   // permission before reserved
  q(entry(2)) |= 1ULL << 11;
  EXPECT_EQ(write(), 0xCU);  // upper level before lower
  const Request wide = write_of(kSid, kIova | 1ULL << 50);
  EXPECT_EQ(reason(wide), 4U);
  q(context_ + 8) |= 7;
  EXPECT_EQ(reason(wide), 3U);
  q(context_) |= 1ULL << 5;
  EXPECT_EQ(reason(wide), 0xBU);
  q(context_) &= ~1ULL;
  EXPECT_EQ(reason(wide), 2U);
  memory_.broken.insert(context_ >> 12);
  EXPECT_EQ(reason(wide), 9U);
  q(tables_.root_entry(kSid) + 8) = 1;
  EXPECT_EQ(reason(wide), 0xAU);
  q(tables_.root_entry(kSid)) &= ~1ULL;
  EXPECT_EQ(reason(wide), 1U);
  memory_.broken.insert(Tables::kRoot >> 12);
  EXPECT_EQ(reason(wide), 8U);
  ttm_ = 3;
  EXPECT_EQ(reason(wide), 0x30U);
}

TEST_F(Translate, PointerBeyondWidthLeavesTheOrderOpen) {
  q(context_) |= 1ULL << 46;
  const auto fault = std::get<Fault>(run(read_of(kSid, 1ULL << 50)));
  EXPECT_EQ(fault.reason, Reason::kContextInvalid);
  EXPECT_EQ(fault.alternate, Reason::kAddressWidth);
}

TEST_F(Translate, FpdSuppressesWhatIsFoundAfterTheContext) {
  covers("vtd.fault.fpd");
  q(context_) |= 2;
  q(leaf_) = 0;
  EXPECT_TRUE(suppressed(read_of(kSid, kIova)));
  EXPECT_TRUE(suppressed(read_of(kSid, 1ULL << 50)));
  q(tables_.root_entry(kSid)) = 0;
  EXPECT_FALSE(suppressed(read_of(kSid, kIova)));
}

}  // namespace
}  // namespace gpudmar::model::test
