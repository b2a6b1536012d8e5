// Secret: a text that cannot be printed. It has no operator<<, no AbslStringify and no conversion; Reveal() is the only
// way in, so that every place that uses a secret can be found by that word. The bytes are overwritten when it goes.
// Immutable; any thread.
#ifndef SLUICE_CONNECTOR_SECRET_H_
#define SLUICE_CONNECTOR_SECRET_H_

#include <cstdint>
#include <ostream>
#include <string>
#include <utility>

namespace sluice::connector {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value, uint64_t version = 0, std::string previous = "")
      : value_(std::move(value)), previous_(std::move(previous)), version_(version) {}
  Secret(const Secret&) = default;
  Secret& operator=(const Secret& other) {
    if (this != &other) {
      Wipe();
      value_ = other.value_;
      previous_ = other.previous_;
      version_ = other.version_;
    }
    return *this;
  }
  ~Secret() { Wipe(); }

  // For the one call that hands it over. Never into a log, an error, a record.
  const std::string& Reveal() const { return value_; }
  // The value before a rotation, as long as it may be the one that works; else empty.
  const std::string& RevealPrevious() const { return previous_; }
  bool empty() const { return value_.empty(); }
  uint64_t version() const { return version_; }

  friend bool operator==(const Secret& a, const Secret& b) { return a.value_ == b.value_; }
  friend std::ostream& operator<<(std::ostream&, const Secret&) = delete;

 private:
  static void WipeText(std::string& text) {
    volatile char* bytes = text.data();
    for (std::size_t i = 0; i < text.size(); ++i) bytes[i] = 0;
    text.clear();
  }
  void Wipe() {
    WipeText(value_);
    WipeText(previous_);
  }
  std::string value_;
  std::string previous_;
  uint64_t version_ = 0;
};

}  // namespace sluice::connector

#endif  // SLUICE_CONNECTOR_SECRET_H_
