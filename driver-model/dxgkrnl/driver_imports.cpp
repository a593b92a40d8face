// SPDX-License-Identifier: Apache-2.0
// Reads the symbol tables of the ELF file, static and dynamic.
#include "driver-model/dxgkrnl/driver_imports.h"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <iterator>
#include <set>
#include <string_view>

namespace gpudmar::dxgkrnl {
namespace {

constexpr std::array<std::string_view, 7> kForbidden = {
    "MmAllocateContiguousMemory", "MmAllocateContiguousMemorySpecifyCache",
    "MmFreeContiguousMemory",     "MmAllocatePagesForMdl",
    "MmAllocatePagesForMdlEx",    "MmFreePagesFromMdl",
    "MmProbeAndLockPages"};

class Image {
 public:
  explicit Image(const std::string& path) : path_(path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw ImageError(fmt::format("{}: can not be read", path));
    bytes_.assign(std::istreambuf_iterator<char>(file), {});
  }
  template <typename T>
  [[nodiscard]] T at(std::uint64_t offset) const {
    T out{};
    if (offset > bytes_.size() || bytes_.size() - offset < sizeof(T))
      throw ImageError(fmt::format("{}: cut short", path_));
    std::memcpy(&out, bytes_.data() + offset, sizeof(T));
    return out;
  }
  [[nodiscard]] std::string text(std::uint64_t offset) const {
    if (offset >= bytes_.size()) throw ImageError(fmt::format("{}: cut short", path_));
    const auto begin = bytes_.begin() + static_cast<std::ptrdiff_t>(offset);
    return {begin, std::find(begin, bytes_.end(), '\0')};
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
  std::vector<char> bytes_;
};

}  // namespace

std::vector<std::string> forbidden_imports(const std::string& path) {
  const Image image(path);
  const auto header = image.at<Elf64_Ehdr>(0);
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64)
    throw ImageError(fmt::format("{}: no ELF file of 64 bits", path));
  const auto section = [&](std::uint64_t index) {
    return image.at<Elf64_Shdr>(header.e_shoff + index * header.e_shentsize);
  };
  std::set<std::string> found;
  for (std::uint64_t i = 0; i < header.e_shnum; ++i) {
    const Elf64_Shdr table = section(i);
    if (table.sh_type != SHT_SYMTAB && table.sh_type != SHT_DYNSYM) continue;
    const Elf64_Shdr names = section(table.sh_link);
    for (std::uint64_t at = 0; at + sizeof(Elf64_Sym) <= table.sh_size; at += sizeof(Elf64_Sym)) {
      const auto symbol = image.at<Elf64_Sym>(table.sh_offset + at);
      if (symbol.st_shndx != SHN_UNDEF) continue;
      const std::string name = image.text(names.sh_offset + symbol.st_name);
      if (std::find(kForbidden.begin(), kForbidden.end(), name) != kForbidden.end()) found.insert(name);
    }
  }
  return {found.begin(), found.end()};
}

}  // namespace gpudmar::dxgkrnl
