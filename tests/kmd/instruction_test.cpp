// SPDX-License-Identifier: Apache-2.0
// Decoding the memory operand of an instruction: bytes as an assembler makes them.
#include "sim/kmd/instruction.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace {

using gpudmar::sim::kmd::decode_access;

struct Case {
  std::vector<std::uint8_t> code;
  unsigned bytes;
  std::string does;  // r, w, rw
  bool faulted_writing = false;
};

TEST(Instruction, SizesAndDirections) {
  const Case cases[] = {
      {{0x8B, 0x07}, 4, "r"},                     // mov eax, [rdi]
      {{0x48, 0x8B, 0x07}, 8, "r"},               // mov rax, [rdi]
      {{0x66, 0x8B, 0x07}, 2, "r"},               // mov ax, [rdi]
      {{0x8A, 0x07}, 1, "r"},                     // mov al, [rdi]
      {{0x89, 0x07}, 4, "w"},                     // mov [rdi], eax
      {{0x4C, 0x89, 0x07}, 8, "w"},               // mov [rdi], r8
      {{0x88, 0x07}, 1, "w"},                     // mov [rdi], al
      {{0xC7, 0x07, 1, 0, 0, 0}, 4, "w"},         // mov dword [rdi], 1
      {{0x48, 0xC7, 0x07, 1, 0, 0, 0}, 8, "w"},   // mov qword [rdi], 1
      {{0xC6, 0x07, 1}, 1, "w"},                  // mov byte [rdi], 1
      {{0x0F, 0xB6, 0x07}, 1, "r"},               // movzx eax, byte [rdi]
      {{0x0F, 0xB7, 0x07}, 2, "r"},               // movzx eax, word [rdi]
      {{0x48, 0x63, 0x07}, 4, "r"},               // movsxd rax, [rdi]
      {{0x83, 0x0F, 0x01}, 4, "rw"},              // or dword [rdi], 1
      {{0xF0, 0x83, 0x0F, 0x01}, 4, "rw"},        // lock or
      {{0x83, 0x3F, 0x01}, 4, "r"},               // cmp dword [rdi], 1
      {{0x81, 0x27, 1, 0, 0, 0}, 4, "rw"},        // and dword [rdi], 1
      {{0x3B, 0x07}, 4, "r"},                     // cmp eax, [rdi]
      {{0x39, 0x07}, 4, "r"},                     // cmp [rdi], eax
      {{0x09, 0x07}, 4, "rw"},                    // or [rdi], eax
      {{0x03, 0x07}, 4, "r"},                     // add eax, [rdi]
      {{0x85, 0x07}, 4, "r"},                     // test [rdi], eax
      {{0xF6, 0x07, 2}, 1, "r"},                  // test byte [rdi], 2
      {{0xF7, 0x17}, 4, "rw"},                    // not dword [rdi]
      {{0xFF, 0x07}, 4, "rw"},                    // inc dword [rdi]
      {{0x87, 0x07}, 4, "rw"},                    // xchg [rdi], eax
      {{0xF0, 0x48, 0x0F, 0xB1, 0x0F}, 8, "rw"},  // lock cmpxchg [rdi], rcx
      {{0x0F, 0xBA, 0x27, 3}, 4, "r"},            // bt dword [rdi], 3
      {{0x0F, 0xBA, 0x2F, 3}, 4, "rw"},           // bts dword [rdi], 3
      {{0xF3, 0xA5}, 4, "r"},                     // rep movsd from a register
      {{0xF3, 0xA5}, 4, "w", true},               // rep movsd to one
      {{0xF3, 0x48, 0xAB}, 8, "w", true},         // rep stosq
      {{0x0F, 0x10, 0x07}, 16, "r"},              // movups xmm0, [rdi]
      {{0x0F, 0x11, 0x07}, 16, "w"},              // movups [rdi], xmm0
      {{0xF3, 0x0F, 0x6F, 0x07}, 16, "r"},        // movdqu xmm0, [rdi]
      {{0x66, 0x0F, 0xD6, 0x07}, 8, "w"},         // movq [rdi], xmm0
      {{0xC5, 0xFE, 0x6F, 0x07}, 32, "r"},        // vmovdqu ymm0, [rdi]
      {{0xC5, 0xFA, 0x7F, 0x07}, 16, "w"},        // vmovdqu [rdi], xmm0
      {{0xC4, 0xE1, 0x7E, 0x7F, 0x07}, 32, "w"},  // the same, three-byte prefix, ymm0
      {{0x0F, 0xC3, 0x07}, 4, "w"},               // movnti [rdi], eax
  };
  for (const Case& c : cases) {
    std::vector<std::uint8_t> code = c.code;
    code.resize(16);
    const auto access = decode_access(code.data(), c.faulted_writing);
    std::string name;
    for (const std::uint8_t byte : c.code) name += " " + std::to_string(byte);
    ASSERT_TRUE(access.has_value()) << name;
    EXPECT_EQ(access->bytes, c.bytes) << name;
    EXPECT_EQ(std::string(access->reads ? "r" : "") + (access->writes ? "w" : ""), c.does) << name;
  }
}

TEST(Instruction, UnknownOnesAreRefused) {
  const std::vector<std::uint8_t> codes[] = {{0xD9, 0x07},              // fld dword [rdi]
                                             {0x0F, 0x38, 0x10, 0x07},  // a three-byte opcode
                                             {0xC4, 0xE2, 0x7D, 0x18, 0x07}};
  for (auto code : codes) {
    code.resize(16);
    EXPECT_FALSE(decode_access(code.data(), false).has_value());
  }
}

}  // namespace
