// SPDX-License-Identifier: Apache-2.0
// Starts QEMU, finds its devices, moves bytes with them.
#include "sim/oracle/qemu_machine.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace gpudmar::oracle {
namespace {

constexpr std::uint16_t kConfigAddress = 0xCF8;
constexpr std::uint16_t kConfigData = 0xCFC;
constexpr unsigned kBuses = 2;
constexpr unsigned kFirstPort = 4;  ///< device number of the root port to bus 1
constexpr std::array<std::uint64_t, kBuses> kBar = {0xC000'0000, 0xC010'0000};
constexpr unsigned kEscapeBus = 3;  ///< of a device while its buffer is filled or emptied
constexpr std::uint32_t kEduId = 0x11E8'1234;
constexpr std::uint32_t kRootPortId = 0x000C'1B36;

constexpr unsigned kBusNumbers = 0x18;  // of a port's configuration space

// edu: registers and the address of its buffer on its own side.
constexpr std::uint64_t kEduRegisters = 0x80;
constexpr std::uint64_t kEduCommand = 0x98;
constexpr std::uint64_t kEduBuffer = 0x4'0000;
constexpr std::uint64_t kEduRun = 1;
constexpr std::uint64_t kEduToBus = 2;

/// 64 KiB that end at 4 GiB: at the reset vector, cli; hlt; and back should anything wake it.
void write_firmware(const std::string& path) {
  std::string image(0x10000, '\x90');
  image.replace(0xFFF0, 4, "\xFA\xF4\xEB\xFD");
  std::ofstream file(path, std::ios::binary);
  file << image;
  if (!file.flush()) throw EndpointError("cannot write " + path);
}

/// The first line of `program --version`.
std::string version_of(const std::string& program, const std::string& directory) {
  const std::string log = directory + "/qemu-version";
  Child child({program, "--version"}, log);
  if (child.wait(10'000) != 0) throw EndpointError(program + " --version fails");
  std::string line;
  std::ifstream file(log);
  std::getline(file, line);
  return line;
}

}  // namespace

std::string find_qemu(const std::string& given) {
  if (!given.empty()) return ::access(given.c_str(), X_OK) == 0 ? given : std::string();
  const char* const path = std::getenv("PATH");
  std::istringstream directories(path != nullptr ? path : "");
  for (std::string directory; std::getline(directories, directory, ':');)
    if (std::string file = directory + "/qemu-system-x86_64"; ::access(file.c_str(), X_OK) == 0) return file;
  return {};
}

QemuMachine::QemuMachine(const std::string& program, const std::string& directory)
    : version_(version_of(program, directory)) {
  const std::string firmware = directory + "/halt.bin";
  const std::string socket = directory + "/qemu.qtest";
  write_firmware(firmware);
  std::vector<std::string> words = {
      program, "-machine", "q35", "-accel", "tcg",
      // The clock jumps to the next timer whenever the processor halts: edu's 100 ms take no time.
      "-icount", "shift=0,sleep=off", "-bios", firmware, "-m", fmt::format("{}M", kMemoryBytes >> 20),
      "-device", fmt::format("intel-iommu,aw-bits={},intremap=off", kAddressBits)};
  for (unsigned n = 0; n < kBuses; ++n) {
    words.insert(words.end(),
                 {"-device", fmt::format("pcie-root-port,id=port{0},bus=pcie.0,addr={1},chassis={0},slot={0}",
                                         n + 1, kFirstPort + n)});
    words.insert(words.end(),
                 {"-device", fmt::format("edu,bus=port{},addr=0,dma_mask=0xffffffffffffffff", n + 1)});
  }
  words.insert(words.end(), {"-qtest", fmt::format("unix:{},server=on,wait=off", socket), "-qtest-log",
                             "none", "-display", "none", "-nodefaults", "-no-user-config"});
  child_ = std::make_unique<Child>(words, directory + "/qemu.log");
  bus_ = std::make_unique<QtestClient>("QEMU", socket, *child_);
  start_devices();
  write_escape();
  start_unit();
}

QemuMachine::~QemuMachine() = default;

int QemuMachine::end() {
  bus_.reset();
  child_.reset();  // it has nothing to tell
  return 0;
}

std::uint32_t QemuMachine::config_read(unsigned bus, unsigned device, unsigned offset) {
  bus_->out32(kConfigAddress, 1U << 31 | bus << 16 | device << 11 | offset);
  return bus_->in32(kConfigData);
}

void QemuMachine::config_write(unsigned bus, unsigned device, unsigned offset, std::uint32_t value) {
  bus_->out32(kConfigAddress, 1U << 31 | bus << 16 | device << 11 | offset);
  bus_->out32(kConfigData, value);
}

// As firmware would: bus numbers and windows of the ports, addresses of the devices, memory and bus master
// on.
void QemuMachine::start_devices() {
  for (unsigned n = 0; n < kBuses; ++n) {
    const unsigned port = kFirstPort + n;
    const auto bar = static_cast<std::uint32_t>(kBar.at(n));
    if (config_read(0, port, 0) != kRootPortId) throw EndpointError("QEMU: no root port where it should be");
    config_write(0, port, kBusNumbers, (n + 1) << 16 | (n + 1) << 8);
    config_write(0, port, 0x20, (bar & 0xFFF0'0000) | bar >> 16);
    config_write(0, port, 0x04, 6);
    if (config_read(n + 1, 0, 0) != kEduId) throw EndpointError("QEMU: no edu device behind its root port");
    config_write(n + 1, 0, 0x10, bar);
    config_write(n + 1, 0, 0x04, 6);
  }
}

void QemuMachine::transfer(unsigned device, bool to_bus, std::uint64_t address, unsigned bytes) {
  const std::uint64_t bar = kBar.at(device);
  std::vector<std::uint8_t> registers;  // source, destination and count: edu gets them as three qwords
  for (const std::uint64_t qw :
       {to_bus ? kEduBuffer : address, to_bus ? address : kEduBuffer, std::uint64_t{bytes}})
    for (unsigned i = 0; i < 8; ++i) registers.push_back(static_cast<std::uint8_t>(qw >> (8 * i)));
  bus_->write(bar + kEduRegisters, registers);
  bus_->write64(bar + kEduCommand, kEduRun | (to_bus ? kEduToBus : 0));
  wait_for([&] { return (bus_->read64(bar + kEduCommand) & kEduRun) == 0; }, "edu");
}

// The scratch page at its own address, for the escape bus: a context, 3 levels.
void QemuMachine::write_escape() {
  const std::uint64_t context = kEscape;
  bus_->fill(kEscape, 4 * kPage, 0);
  bus_->write64(context, (context + kPage) | 1);
  bus_->write64(context + 8, std::uint64_t{kEscapeDid} << 8 | 1);
  bus_->write64(context + kPage, (context + 2 * kPage) | 3);
  bus_->write64(context + 2 * kPage, (context + 3 * kPage) | 3);
  bus_->write64(context + 3 * kPage + kScratch / kPage * 8, kScratch | 3);
}

void QemuMachine::root_changed(std::uint64_t root) { bus_->write64(root + kEscapeBus * 16, kEscape | 1); }

// A source-id is looked up when a request comes, but what it led to is cached by device.
void QemuMachine::move_to_bus(unsigned device, unsigned number) {
  config_write(0, kFirstPort + device, kBusNumbers, number << 16 | number << 8);
  Invalidation contexts;
  contexts.kind = Invalidation::Kind::kContext;
  submit({contexts, Invalidation{}}, false);
}

// The buffer is filled and emptied through memory, from another bus number. Coming back from it empties
// QEMU's own caches before each access: what it says is always what the tables say now. Turning translation
// off and on would do it too, and takes 40 times as long.
void QemuMachine::dma(const Access& access, const std::vector<std::uint8_t>& bytes, Observation& result) {
  const unsigned device = access.source;
  if (access.write) {
    move_to_bus(device, kEscapeBus);
    bus_->write(kScratch, bytes);
    transfer(device, false, kScratch, access.bytes);
  }
  move_to_bus(device, device + 1);
  transfer(device, access.write, access.address, access.bytes);
  if (access.write) return;
  move_to_bus(device, kEscapeBus);
  transfer(device, true, kScratch, access.bytes);
  result.data = bus_->read(kScratch, access.bytes);
  move_to_bus(device, device + 1);
}

}  // namespace gpudmar::oracle
