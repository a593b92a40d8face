// SPDX-License-Identifier: Apache-2.0
// Moves, tests, arithmetic on memory, string moves, and the vector moves that a memcpy uses.
#include "sim/kmd/instruction.h"

namespace gpudmar::sim::kmd {
namespace {

constexpr MemoryAccess read(unsigned bytes) { return {bytes, true, false}; }
constexpr MemoryAccess write(unsigned bytes) { return {bytes, false, true}; }
constexpr MemoryAccess modify(unsigned bytes) { return {bytes, true, true}; }

struct Prefixes {
  bool operand16 = false;   // 66
  bool repeat = false;      // F3
  bool repeat_not = false;  // F2
  bool wide = false;        // REX.W
  unsigned word() const { return wide ? 8 : operand16 ? 2 : 4; }
};

// 11h, 29h, 7Fh...: stores of a vector register, and their loads.
std::optional<MemoryAccess> vector_move(std::uint8_t opcode, const Prefixes& p, unsigned full) {
  switch (opcode) {
    case 0x10:
      return read(p.repeat ? 4 : p.repeat_not ? 8 : full);
    case 0x11:
      return write(p.repeat ? 4 : p.repeat_not ? 8 : full);
    case 0x28:
      return read(full);
    case 0x29:
    case 0xE7:
      return write(full);
    case 0x6F:
      return read(p.operand16 || p.repeat ? full : 8);
    case 0x7F:
      return write(p.operand16 || p.repeat ? full : 8);
    case 0x6E:
      return read(p.wide ? 8 : 4);
    case 0x7E:
      return p.repeat ? read(8) : write(p.wide ? 8 : 4);
    case 0xD6:
    case 0x13:
    case 0x17:
      return write(8);
    case 0x12:
    case 0x16:
      return read(8);
    default:
      return std::nullopt;
  }
}

std::optional<MemoryAccess> two_bytes(const std::uint8_t* code, const Prefixes& p) {
  const std::uint8_t opcode = *code;
  const unsigned group = code[1] >> 3 & 7;
  if (opcode >= 0x40 && opcode <= 0x4F) return read(p.word());  // cmov
  if (opcode >= 0x90 && opcode <= 0x9F) return write(1);        // set
  switch (opcode) {
    case 0xB6:
    case 0xBE:
      return read(1);
    case 0xB7:
    case 0xBF:
      return read(2);
    case 0xAF:
    case 0xA3:
      return read(p.word());
    case 0xAB:
    case 0xB3:
    case 0xBB:
      return modify(p.word());
    case 0xBA:
      return group == 4 ? read(p.word()) : modify(p.word());
    case 0xB0:
    case 0xC0:
      return modify(1);
    case 0xB1:
    case 0xC1:
      return modify(p.word());
    case 0xC3:
      return write(p.wide ? 8 : 4);
    default:
      return vector_move(opcode, p, 16);
  }
}

std::optional<MemoryAccess> one_byte(const std::uint8_t* code, const Prefixes& p, bool faulted_writing) {
  const std::uint8_t opcode = *code;
  const unsigned group = code[1] >> 3 & 7;
  const unsigned size = (opcode & 1) != 0 ? p.word() : 1;
  if (opcode < 0x40 && (opcode & 7) < 4) {  // add, or, adc, sbb, and, sub, xor, cmp
    const bool to_memory = (opcode & 2) == 0;
    return to_memory && opcode >> 3 != 7 ? modify(size) : read(size);
  }
  switch (opcode) {
    case 0x63:
      return read(4);
    case 0x80:
    case 0x81:
    case 0x83:
      return group == 7 ? read(size) : modify(size);
    case 0x84:
    case 0x85:
    case 0x8A:
    case 0x8B:
    case 0xA0:
    case 0xA1:
      return read(size);
    case 0x86:
    case 0x87:
      return modify(size);
    case 0x88:
    case 0x89:
    case 0xA2:
    case 0xA3:
    case 0xC6:
    case 0xC7:
    case 0xAA:
    case 0xAB:
      return write(size);
    case 0xA4:
    case 0xA5:
      return faulted_writing ? write(size) : read(size);
    case 0xAC:
    case 0xAD:
      return read(size);
    case 0xC0:
    case 0xC1:
    case 0xD0:
    case 0xD1:
    case 0xD2:
    case 0xD3:
      return modify(size);
    case 0xF6:
    case 0xF7:
      return group == 2 || group == 3 ? modify(size) : read(size);
    case 0xFE:
    case 0xFF:
      return group < 2 ? modify(size) : read(opcode == 0xFE ? 1 : 8);
    default:
      return std::nullopt;
  }
}

}  // namespace

std::optional<MemoryAccess> decode_access(const std::uint8_t* code, bool faulted_writing) {
  Prefixes p;
  for (bool more = true; more;) {
    switch (*code) {
      case 0x66:
        p.operand16 = true;
        break;
      case 0xF3:
        p.repeat = true;
        break;
      case 0xF2:
        p.repeat_not = true;
        break;
      case 0xF0:
      case 0x26:
      case 0x2E:
      case 0x36:
      case 0x3E:
      case 0x64:
      case 0x65:
      case 0x67:
        break;
      default:
        more = false;
        continue;
    }
    ++code;
  }
  if ((*code & 0xF0) == 0x40) p.wide = (*code++ & 8) != 0;
  if (*code == 0x0F) return two_bytes(code + 1, p);
  if (*code != 0xC5 && *code != 0xC4) return one_byte(code, p, faulted_writing);
  // VEX: the prefix says what 66, F3 and F2 would.
  const bool three = *code == 0xC4;
  const std::uint8_t last = three ? code[2] : code[1];
  if (three && (code[1] & 0x1F) != 1) return std::nullopt;
  p.operand16 = (last & 3) == 1;
  p.repeat = (last & 3) == 2;
  p.repeat_not = (last & 3) == 3;
  p.wide = three && (last & 0x80) != 0;
  return vector_move(code[three ? 3 : 2], p, (last & 4) != 0 ? 32 : 16);
}

}  // namespace gpudmar::sim::kmd
