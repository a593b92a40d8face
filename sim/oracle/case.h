// SPDX-License-Identifier: Apache-2.0
// One case of the comparison: tables in memory, then changes with invalidations, and accesses by two devices.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace gpudmar::oracle {

// The memory map of a case: what both machines have at the same place.
inline constexpr std::uint64_t kPage = 4096;
inline constexpr std::uint64_t kMemoryBytes = 256ULL << 20;
inline constexpr std::uint64_t kTables = 0x10'0000;  ///< root, context and second-stage tables
inline constexpr unsigned kTablePages = 28;
inline constexpr std::uint64_t kQueue = 0x12'0000;    ///< invalidation queue, one page
inline constexpr std::uint64_t kStatus = 0x12'1000;   ///< of wait descriptors
inline constexpr std::uint64_t kScratch = 0x12'2000;  ///< of a device without memory that can be looked at
inline constexpr std::uint64_t kEscape = 0x12'3000;   ///< its way there, 4 pages of tables
inline constexpr std::uint64_t kPrivateEnd = 0x13'0000;
inline constexpr std::uint64_t kData = 0x40'0000;  ///< what accesses may write
inline constexpr unsigned kDataPages = 12;

inline constexpr std::array<std::uint16_t, 2> kSourceIds = {0x0100, 0x0200};  ///< 01:00.0, 02:00.0
inline constexpr unsigned kAddressBits = 48;         ///< host and guest, of both units
inline constexpr std::uint16_t kEscapeDid = 0xFFFE;  ///< a domain of no case
inline constexpr unsigned kMaxAccessBytes = 4095;    ///< of one access: what edu takes

/// A qword of a table.
struct Store {
  std::uint64_t address = 0;
  std::uint64_t value = 0;
  std::string what;  ///< whose it is, for people
};

struct Invalidation {
  enum class Kind : std::uint8_t { kContext = 1, kIotlb = 2 };
  enum Granularity : std::uint8_t { kGlobal = 1, kDomain = 2, kSelective = 3 };
  Kind kind = Kind::kIotlb;
  Granularity granularity = kGlobal;
  std::uint16_t did = 0;
  std::uint16_t source = 0;
  unsigned function_mask = 0;
  std::uint64_t address = 0;
  unsigned address_mask = 0;
  bool leaf_only = false;
  bool drain = false;
  /// The queue descriptor.
  [[nodiscard]] std::array<std::uint64_t, 2> encode() const;
};

struct Access {
  unsigned source = 0;  ///< index into kSourceIds
  bool write = false;   ///< the device writes
  std::uint64_t address = 0;
  unsigned bytes = 0;
  std::uint64_t pattern = 0;  ///< seed of the bytes
};

/// Software changes something, says so to the unit, and devices go on.
struct Step {
  std::string what;
  std::vector<Store> stores;
  std::optional<std::uint64_t> root;  ///< another root table, by SRTP
  std::vector<Invalidation> invalidations;
  std::vector<Access> accesses;
};

struct Case {
  std::uint64_t seed = 0;
  std::uint64_t root = 0;
  std::vector<Store> memory;
  std::vector<Step> steps;
  [[nodiscard]] std::size_t accesses() const;
};

[[nodiscard]] std::string to_string(const Invalidation& invalidation);
[[nodiscard]] std::string to_string(const Access& access);
/// All of it, some lines; the access numbered `marked` (counted over the case) gets an arrow.
[[nodiscard]] std::string describe(const Case& test, std::size_t marked);

/// Bytes of an access: `bytes` from a seed, none of them 0, so that they differ from a blocked read.
[[nodiscard]] std::vector<std::uint8_t> pattern_bytes(std::uint64_t seed, std::size_t bytes);

/// The tables as software knows them, and where an access would go if nobody checked anything: only to keep
/// accesses away from what they must not touch, and to know where to look. Nothing is compared with it.
class TableImage {
 public:
  explicit TableImage(const Case& test);
  void apply(const Step& step);
  struct Reach {
    std::optional<std::uint64_t> address;  ///< the byte behind the device's address; nullopt: none
    bool odd = false;                      ///< data pages are read as tables on the way
  };
  struct Context {
    std::uint64_t low = 0;
    std::uint64_t high = 0;
  };
  /// The context entry of a device; nullopt: its root entry is not present.
  [[nodiscard]] std::optional<Context> context(std::uint16_t source) const;
  [[nodiscard]] Reach target(std::uint16_t source, std::uint64_t address) const;
  [[nodiscard]] std::uint64_t at(std::uint64_t address) const;

 private:
  std::uint64_t root_;
  std::map<std::uint64_t, std::uint64_t> memory_;
};

/// Up to two runs of physical memory, one a page of the access.
struct Target {
  std::uint64_t page = 0;     ///< of the device's address
  std::uint64_t address = 0;  ///< physical
  unsigned bytes = 0;
  bool data = false;  ///< in the data pages, so it can be looked at
};

/// Where `access` goes; nullopt: it must not be made (a table would be written, or what is not memory
/// reached).
[[nodiscard]] std::optional<std::vector<Target>> plan(const TableImage& image, const Access& access);

}  // namespace gpudmar::oracle
