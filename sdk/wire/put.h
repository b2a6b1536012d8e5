// Fields of protobuf messages, written at the end of a string: for the few messages that are made of bytes because
// there are millions of their parts. Pure.
#ifndef SLUICE_SDK_WIRE_PUT_H_
#define SLUICE_SDK_WIRE_PUT_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace sluice::wire {

inline void PutVarint(uint64_t number, std::string* out) {
  for (; number >= 0x80; number >>= 7) out->push_back(static_cast<char>(number | 0x80));
  out->push_back(static_cast<char>(number));
}
inline void PutNumber(uint32_t field, uint64_t number, std::string* out) {
  PutVarint(field << 3, out);
  PutVarint(number, out);
}
// What comes before `size` bytes of a text or a message.
inline void PutLength(uint32_t field, size_t size, std::string* out) {
  PutVarint(field << 3 | 2, out);
  PutVarint(size, out);
}
// What PutBytes adds for so many.
inline size_t SizeOfBytes(uint32_t field, size_t size) {
  size_t sum = size;
  for (uint64_t number : {uint64_t{field} << 3, uint64_t{size}}) {
    do ++sum;
    while ((number >>= 7) != 0);
  }
  return sum;
}
inline void PutBytes(uint32_t field, absl::string_view bytes, std::string* out) {
  PutLength(field, bytes.size(), out);
  out->append(bytes.data(), bytes.size());
}

}  // namespace sluice::wire

#endif  // SLUICE_SDK_WIRE_PUT_H_
