// SPDX-License-Identifier: Apache-2.0
// Registers of the Verilated model by their names in the RTL; visible.vlt says which there are.
#pragma once

#include <verilated.h>
#include <verilated_sym_props.h>

#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>

namespace gpudmar::sim {

/// One register, or an array of registers, of up to 64 bits each.
class VisibleRegister {
 public:
  VisibleRegister() = default;
  /// `scope` is an instance or generate block of the hierarchy. Throws std::logic_error when the model, or
  /// its IOTLB of another form, has no such register.
  VisibleRegister(const VerilatedContext& context, const std::string& scope, const char* name) {
    const VerilatedScope* found = context.scopeFind(scope.c_str());
    const VerilatedVar* var = found == nullptr ? nullptr : found->varFind(name);
    if (var == nullptr || var->entSize() > sizeof(std::uint64_t))
      throw std::logic_error("the model shows no " + scope + "." + name);
    data_ = static_cast<const std::uint8_t*>(var->datap());
    bytes_ = var->entSize();
    elements_ = var->udims() == 0 ? 1 : static_cast<unsigned>(var->elements(1));
  }
  [[nodiscard]] unsigned elements() const { return elements_; }
  [[nodiscard]] std::uint64_t operator[](unsigned index) const {
    std::uint64_t value = 0;  // little-endian, as the host is
    std::memcpy(&value, data_ + std::size_t{index} * bytes_, bytes_);
    return value;
  }
  /// Of a register that is no array.
  [[nodiscard]] bool bit(unsigned index) const { return ((*this)[0] >> index & 1) != 0; }

 private:
  const std::uint8_t* data_ = nullptr;
  std::size_t bytes_ = 0;
  unsigned elements_ = 0;
};

}  // namespace gpudmar::sim
