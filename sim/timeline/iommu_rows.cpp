// SPDX-License-Identifier: Apache-2.0
// Requests, bursts, walks, invalidations and faults.
#include "sim/timeline/iommu_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "driver-model/hw/hw.h"
#include "driver-model/hw/regs/vtd_names.h"
#include "driver-model/hw/regs/vtd_regs.h"
#include "sim/bench/machine_config.h"

namespace gpudmar::sim::timeline {
namespace {

using nlohmann::json;
namespace vtd = regs::vtd;

constexpr unsigned kRowsOfOne = 1000;  // places in the order for each kind of row
constexpr std::uint64_t kDescriptorBytes = 16;

const char* kind_of(bool write, std::uint32_t id) {
  static constexpr std::array<const char*, 4> kReads{"operation", "descriptor", "semaphore", "?"};
  static constexpr std::array<const char*, 4> kWrites{"operation", "fence", "message", "write-back"};
  return (write ? kWrites : kReads)[id & 3];
}

/// AxUSER: VT-d's request attributes.
void add_user(json& arguments, std::uint32_t user) {
  static constexpr std::array<const char*, 4> kTypes{"untranslated", "translation", "translated", "?"};
  arguments["type"] = kTypes[user & 3];
  if ((user >> 2 & 1) != 0) arguments["pasid"] = user >> 3 & 0xF'FFFF;
}

bool is_message(std::uint64_t address) {
  return address >= hw::kInterruptWindowBase && address < hw::kInterruptWindowEnd;
}

std::string source_name(std::uint16_t id) {
  return fmt::format("{:02x}:{:02x}.{}", id >> 8, id >> 3 & 31, id & 7);
}

}  // namespace

std::string describe_descriptor(const std::array<std::uint64_t, 2>& descriptor) {
  const std::uint64_t* const words = descriptor.data();
  const std::uint64_t type = descriptor[0] & 0xF;
  const std::uint64_t granularity = descriptor[0] >> 4 & 3;
  const std::uint64_t domain = descriptor[0] >> 16 & 0xFFFF;
  switch (type) {
    case vtd::dsc_type::CONTEXT:
      if (granularity == 1) return "context cache, all";
      if (granularity == 2) return fmt::format("context cache, domain {}", domain);
      return fmt::format("context cache, device {}", source_name(static_cast<std::uint16_t>(words[0] >> 32)));
    case vtd::dsc_type::IOTLB:
      if (granularity == 1) return "IOTLB, all";
      if (granularity == 2) return fmt::format("IOTLB, domain {}", domain);
      return fmt::format("IOTLB, domain {}, {:#x}, 2^{} pages{}", domain, words[1] & ~0xFFFULL,
                         words[1] & 0x3F, (words[1] >> 6 & 1) != 0 ? ", leaf only" : "");
    case vtd::dsc_type::WAIT:
      return fmt::format("wait{}{}",
                         (words[0] >> 5 & 1) != 0
                             ? fmt::format(", status {:#x} to {:#x}", words[0] >> 32, words[1] & ~3ULL)
                             : "",
                         (words[0] >> 4 & 1) != 0 ? ", interrupt" : "");
    default:
      return fmt::format("type {}", type);
  }
}

IommuRows::IommuRows(TraceFile& file, const DutInfo& info, std::uint32_t queue_id,
                     const SoftwareRows& software, Figures& figures)
    : file_(file),
      info_(info),
      queue_id_(queue_id),
      software_(software),
      figures_(figures),
      group_(file.add_group("IOMMU")),
      memory_group_(file.add_group("host memory")),
      burst_rows_{Rows(file, memory_group_, "reads", 0), Rows(file, memory_group_, "writes", kRowsOfOne)},
      queue_rows_(file, group_, "invalidation queue", 20 * kRowsOfOne),
      fetch_rows_(file, group_, "descriptor fetches", 21 * kRowsOfOne),
      status_rows_(file, group_, "writes of the unit", 22 * kRowsOfOne),
      fault_row_(file.add_row(group_, "faults", 23 * kRowsOfOne)),
      message_row_(file.add_row(memory_group_, "interrupt messages", 2 * kRowsOfOne)),
      requests_(info.adapters) {
  for (unsigned port = 0; port < info.adapters; ++port)
    request_rows_.push_back(
        {Rows(file, group_, fmt::format("port {} reads", port), 2 * port * kRowsOfOne),
         Rows(file, group_, fmt::format("port {} writes", port), (2 * port + 1) * kRowsOfOne)});
}

void IommuRows::observe(const CycleView& view, const DutActivity& activity) {
  memory_side(view);
  responses(view);
  walks(view, activity);
  table_side(view, activity);
  queue(view, activity);
  departures(view);
  arrivals(view);
  fault(view);
}

void IommuRows::memory_side(const CycleView& view) {
  const AxiMasterOut& m = view.out.data;
  const AxiSlaveOut& s = view.in.data;
  const auto end = [&](bool write, std::uint32_t id) {
    std::deque<Burst>& open = bursts_.at(write ? 1 : 0)[id];
    if (open.empty()) return;
    const Burst burst = open.front();
    open.pop_front();
    file_.span(burst.row, write ? "write" : "read", burst.begin, view.cycle + 1,
               {{"address", hex(burst.address)}, {"beats", burst.beats}, {"id", id}});
    burst_rows_.at(write ? 1 : 0).free(burst.row, view.cycle + 1);
  };
  if (s.rvalid && m.rready && s.rlast) end(false, s.rid);
  if (s.bvalid && m.bready) end(true, s.bid);
}

void IommuRows::close(Request& request, bool write, std::uint64_t cycle, const char* how) {
  const bool blocked = request.out == 0 && request.response != 0;
  std::string name = write ? "write" : "read";
  if (blocked)
    name += " blocked";
  else if (request.missed)
    name += " miss";
  json arguments{{"address", hex(request.address)},
                 {"bytes", request.bytes},
                 {"channel", request.id >> 2},
                 {"kind", kind_of(write, request.id)}};
  add_user(arguments, request.user);
  if (request.out != 0) {
    arguments["host address"] = hex(request.host);
    arguments["cycles inside"] = request.out - request.begin;
  }
  if (request.response != 0) arguments["response"] = request.response;
  if (how != nullptr) arguments["ended"] = how;
  file_.span(request.row, name, request.begin, cycle + 1, std::move(arguments));
  request_rows_[request.port].at(write ? 1 : 0).free(request.row, cycle + 1);
  ++counts_.requests;
  if (how == nullptr)
    figures_.request(cycle, {write, request.missed, blocked, (blocked ? cycle : request.out) - request.begin,
                             cycle - request.begin});
}

void IommuRows::responses(const CycleView& view) {
  for (unsigned port = 0; port < info_.adapters; ++port) {
    const RequesterProbe& probe = view.out.probe[port];
    const auto answer = [&](bool write, std::uint32_t id, AxiResp response, bool last) {
      std::deque<Request>& open = requests_[port].at(write ? 1 : 0)[id];
      if (open.empty()) return;
      Request& request = open.front();
      request.response = std::max(request.response, static_cast<unsigned>(response));
      if (!last) return;
      close(request, write, view.cycle, nullptr);
      open.pop_front();
    };
    if (probe.r) answer(false, probe.rid, probe.rresp, probe.rlast);
    if (probe.b) answer(true, probe.bid, probe.bresp, true);
  }
}

void IommuRows::departures(const CycleView& view) {
  const AxiMasterOut& m = view.out.data;
  if (m.arvalid && view.in.data.arready) depart(view.cycle, false, m.arid, m.araddr, m.arlen + 1U);
  if (m.awvalid && view.in.data.awready) depart(view.cycle, true, m.awid, m.awaddr, m.awlen + 1U);
}

void IommuRows::depart(std::uint64_t cycle, bool write, std::uint32_t data_id, std::uint64_t address,
                       unsigned beats) {
  const unsigned direction = write ? 1 : 0;
  const Burst burst{burst_rows_.at(direction).take(cycle), cycle, address, beats};
  bursts_.at(direction)[data_id].push_back(burst);
  const unsigned port = data_id >> info_.id_bits;
  if (is_message(address)) {
    file_.instant(message_row_, port < info_.adapters ? fmt::format("message of gpu{}", port) : "message",
                  cycle, {{"address", hex(address)}});
  }
  if (port >= info_.adapters) return;
  for (Request& request : requests_[port].at(direction)[data_id & ((1U << info_.id_bits) - 1)]) {
    if (request.out != 0 || request.response != 0) continue;
    request.out = cycle;
    request.host = address;
    file_.arrow({request.row, cycle}, {burst.row, burst.begin});
    return;
  }
}

void IommuRows::arrivals(const CycleView& view) {
  for (unsigned port = 0; port < info_.adapters; ++port) {
    const RequesterProbe& probe = view.out.probe[port];
    const auto add = [&](bool write, std::uint32_t id, std::uint64_t address, unsigned beats, unsigned size,
                         std::uint32_t user) {
      Request request;
      request.row = request_rows_[port].at(write ? 1 : 0).take(view.cycle);
      request.begin = view.cycle;
      request.port = port;
      request.id = id;
      request.address = address;
      request.bytes = beats * size;
      request.user = user;
      requests_[port].at(write ? 1 : 0)[id].push_back(request);
    };
    if (probe.ar) add(false, probe.arid, probe.araddr, probe.arlen + 1U, info_.bus_bytes, probe.aruser);
    if (probe.aw) add(true, probe.awid, probe.awaddr, probe.awlen + 1U, 1U << probe.awsize, probe.awuser);
  }
}

void IommuRows::mark_missed(const Walk& walk, bool arrows) {
  for (auto& port : requests_) {
    for (Queue& queue : port) {
      for (auto& [id, open] : queue) {
        for (Request& request : open) {
          if (request.out != 0 || request.missed || request.address >> hw::kPageShift != walk.of.page)
            continue;
          request.missed = true;
          if (arrows) file_.arrow({request.row, walk.begin - 1}, {walk.row, walk.begin});
        }
      }
    }
  }
}

void IommuRows::walks(const CycleView& view, const DutActivity& activity) {
  for (std::size_t slot = 0; slot < activity.walks.size(); ++slot) {
    const WalkActivity& now = activity.walks[slot];
    const auto open = walks_.find(slot);
    if (open != walks_.end() &&
        (!now.active || now.page != open->second.of.page || now.source_id != open->second.of.source_id))
      end_walk(slot, view.cycle);
    if (!now.active) continue;
    if (walks_.count(slot) != 0) {
      walks_[slot].of.hint = walks_[slot].of.hint && now.hint;
      continue;
    }
    const auto [row, added] = walker_rows_.try_emplace(slot, 0);
    if (added)
      row->second =
          file_.add_row(group_, fmt::format("walker {}{}", slot, slot >= info_.walks ? " (hints)" : ""),
                        10 * kRowsOfOne + static_cast<unsigned>(slot));
    Walk& walk = walks_[slot];
    walk = {now, row->second, view.cycle, 0};
    ++counts_.walks;
    if (!now.hint) mark_missed(walk, true);
  }
}

void IommuRows::end_walk(std::size_t slot, std::uint64_t cycle) {
  const Walk walk = walks_[slot];
  walks_.erase(slot);
  mark_missed(walk, false);  // those that joined it
  figures_.walk(cycle - walk.begin, walk.of.hint);
  const std::uint64_t page = walk.of.page << hw::kPageShift;
  file_.span(walk.row, walk.of.hint ? "hinted walk" : "walk", walk.begin, cycle,
             {{"address", hex(page)},
              {"source-id", source_name(walk.of.source_id)},
              {"reads", walk.reads},
              {"write", walk.of.write}});
}

void IommuRows::table_side(const CycleView& view, const DutActivity& activity) {
  const AxiMasterOut& m = view.out.table;
  const AxiSlaveOut& s = view.in.table;
  if (s.rvalid && m.rready) {
    std::deque<TableRead>& open = table_reads_[s.rid];
    if (!open.empty()) {
      TableRead& read = open.front();
      if (s.rid == queue_id_) descriptor_beat(read, s.rdata);
      ++read.beat;
      if (s.rlast) {
        const auto walk = walks_.find(s.rid);
        // Only within the walk: the row is the walker's.
        if (s.rid == queue_id_ || (walk != walks_.end() && read.begin >= walk->second.begin))
          file_.span(read.row, s.rid == queue_id_ ? "fetch" : to_string(read.entry), read.begin,
                     view.cycle + 1, {{"address", hex(read.address)}, {"beats", read.beats}});
        if (s.rid == queue_id_) fetch_rows_.free(read.row, view.cycle + 1);
        open.pop_front();
      }
    }
  }
  if (s.bvalid && m.bready) {
    std::deque<Burst>& open = table_writes_[s.bid];
    if (!open.empty()) {
      const Burst write = open.front();
      open.pop_front();
      file_.span(write.row, is_message(write.address) ? "event message" : "status write", write.begin,
                 view.cycle + 1, {{"address", hex(write.address)}});
      status_rows_.free(write.row, view.cycle + 1);
    }
  }
  if (m.arvalid && s.arready) {
    TableRead read{0, view.cycle, m.araddr, m.arsize, m.arlen + 1U, 0};
    if (m.arid == queue_id_) {
      read.row = fetch_rows_.take(view.cycle);
    } else if (const auto walk = walks_.find(m.arid); walk != walks_.end()) {
      read.row = walk->second.row;
      read.entry = activity.walks.at(m.arid).entry;
      figures_.entry_read(view.cycle, read.entry);
      ++walk->second.reads;
    }
    if (read.row != 0) table_reads_[m.arid].push_back(read);
  }
  if (m.awvalid && s.awready)
    table_writes_[m.awid].push_back({status_rows_.take(view.cycle), view.cycle, m.awaddr, m.awlen + 1U});
}

void IommuRows::descriptor_beat(const TableRead& read, const BeatData& data) {
  const std::uint64_t address = beat_address(read.address, read.size, read.beat);
  const std::uint64_t line = address & ~std::uint64_t{info_.bus_bytes - 1};
  const std::uint64_t lanes = beat_lanes(address, read.size, info_.bus_bytes);
  const std::uint64_t base = base_ & ~std::uint64_t{0xFFF};
  for (unsigned lane = 0; lane < info_.bus_bytes; lane += 8) {
    if ((lanes >> lane & 0xFF) != 0xFF) continue;
    const std::uint64_t offset = line + lane - base;
    std::memcpy(&descriptors_[offset / kDescriptorBytes].at(offset / 8 % 2), data.data() + lane, 8);
  }
}

void IommuRows::queue(const CycleView& view, const DutActivity& activity) {
  if (activity.queue_head != head_) {
    head_ = activity.queue_head;
    end_batches(view.cycle, head_);
  }
  const AxiLiteMasterOut& m = view.in.iommu;
  if (!m.wvalid || !view.out.iommu.wready) return;
  if (m.awaddr == vtd::IQA::kOffset) {
    for (unsigned i = 0; i < 8; ++i) {
      const std::uint64_t lane = 0xFFULL << (8 * i);
      if ((m.wstrb >> i & 1U) != 0) base_ = (base_ & ~lane) | (m.wdata & lane);
    }
    batches_.clear();
    descriptors_.clear();
    tail_ = head_ = 0;
  } else if (m.awaddr == vtd::IQT::kOffset && (m.wstrb & 0xFU) != 0) {
    const std::uint64_t tail = vtd::IQT::QT.get(m.wdata) % slots();
    if (tail == tail_) return;
    const Batch batch{queue_rows_.take(view.cycle), view.cycle, tail_, tail};
    tail_ = tail;
    batches_.push_back(batch);
    if (const auto from = software_.writing(kIommuBase + vtd::IQT::kOffset))
      file_.arrow(*from, {batch.row, batch.begin});
  }
}

void IommuRows::end_batches(std::uint64_t cycle, std::uint64_t head) {
  while (!batches_.empty()) {
    const Batch& batch = batches_.front();
    // Done when the head has come as far as its end, or on into a later batch.
    const std::uint64_t length = (batch.last + slots() - batch.first) % slots();
    const std::uint64_t done = (head + slots() - batch.first) % slots();
    if (done < length) return;
    const unsigned step = vtd::IQA::DW.get(base_) != 0 ? 2 : 1;
    json list = json::array();
    for (std::uint64_t i = 0; i < length; i += step) {
      const auto found = descriptors_.find((batch.first + i) % slots());
      if (found != descriptors_.end()) list.push_back(describe_descriptor(found->second));
    }
    const std::string name = length / step == 1 ? "descriptor" : fmt::format("{} descriptors", length / step);
    file_.span(batch.row, name, batch.begin, cycle, {{"descriptors", std::move(list)}});
    queue_rows_.free(batch.row, cycle);
    ++counts_.batches;
    figures_.batch(cycle - batch.begin);
    batches_.pop_front();
  }
}

void IommuRows::fault(const CycleView& view) {
  if (!view.out.fault.valid) return;
  const std::uint64_t* const record = view.out.fault.record.data();
  const std::uint64_t reason = record[1] >> 32 & 0xFF;
  file_.instant(fault_row_, regs::name_value(vtd::kFaultNames, reason), view.cycle,
                {{"address", hex(record[0] & ~0xFFFULL)},
                 {"source-id", source_name(static_cast<std::uint16_t>(record[1]))},
                 {"recorded", view.out.fault.recorded},
                 {"reason", reason}});
  ++counts_.faults;
  figures_.fault({view.cycle, regs::name_value(vtd::kFaultNames, reason),
                  source_name(static_cast<std::uint16_t>(record[1])), record[0] & ~0xFFFULL,
                  (record[1] >> 62 & 1) == 0, view.out.fault.recorded});
}

std::uint64_t IommuRows::inside() const {
  std::uint64_t count = 0;
  for (const auto& port : requests_)
    for (const Queue& queue : port)
      for (const auto& [id, open] : queue)
        count += static_cast<std::uint64_t>(
            std::count_if(open.begin(), open.end(), [](const Request& request) { return request.out == 0; }));
  return count;
}

void IommuRows::cut(std::uint64_t cycle) {
  for (auto& port : requests_) {
    for (unsigned direction = 0; direction < 2; ++direction) {
      for (auto& [id, open] : port.at(direction))
        for (Request& request : open) close(request, direction == 1, cycle, "in a reset, or with the run");
      port.at(direction).clear();
    }
  }
  for (std::size_t slot = 0; slot < walker_rows_.size() + info_.walks; ++slot)
    if (walks_.count(slot) != 0) end_walk(slot, cycle);
  const auto free = [&](auto& open, Rows& rows) {
    for (auto& [id, entries] : open)
      for (const auto& entry : entries) rows.free(entry.row, cycle + 1);
    open.clear();
  };
  free(bursts_[0], burst_rows_[0]);
  free(bursts_[1], burst_rows_[1]);
  free(table_writes_, status_rows_);
  for (const TableRead& read : table_reads_[queue_id_]) fetch_rows_.free(read.row, cycle + 1);
  table_reads_.clear();
  for (const Batch& batch : batches_) queue_rows_.free(batch.row, cycle + 1);
  batches_.clear();
  descriptors_.clear();
  base_ = tail_ = head_ = 0;
}

}  // namespace gpudmar::sim::timeline
