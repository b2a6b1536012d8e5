// AnyText: a parameter that takes std::string_view, absl::string_view (a type of its own on Debian), std::string and
// literals alike. Like a view it owns nothing: it is for parameters only, never for members.
#ifndef SLUICE_CONNECTOR_TEXT_H_
#define SLUICE_CONNECTOR_TEXT_H_

#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>

namespace sluice::connector {

// Anything that has characters in a row: std::string, std::string_view, absl::string_view.
template <typename T>
concept TextLike = requires(const T& text) {
  { text.data() } -> std::same_as<const char*>;
  { text.size() } -> std::convertible_to<std::size_t>;
};

class AnyText {
 public:
  AnyText(const char* text) : view_(text) {}  // NOLINT: implicit on purpose.
  template <TextLike T>
  AnyText(const T& text) : view_(text.data(), text.size()) {}  // NOLINT: implicit on purpose.

  std::string_view view() const { return view_; }
  std::string str() const { return std::string(view_); }
  operator std::string_view() const { return view_; }  // NOLINT: implicit on purpose.

 private:
  std::string_view view_;
};

}  // namespace sluice::connector

#endif  // SLUICE_CONNECTOR_TEXT_H_
