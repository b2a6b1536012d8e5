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
  explicit Secret(std::string value, uint64_t version = 0) : value_(std::move(value)), version_(version) {}
  Secret(const Secret&) = default;
  Secret& operator=(const Secret& other) {
    if (this != &other) {
      Wipe();
      value_ = other.value_;
      version_ = other.version_;
    }
    return *this;
  }
  ~Secret() { Wipe(); }

  // For the one call that hands it over. Never into a log, an error, a record.
  const std::string& Reveal() const { return value_; }
  bool empty() const { return value_.empty(); }
  uint64_t version() const { return version_; }

  friend bool operator==(const Secret& a, const Secret& b) { return a.value_ == b.value_; }
  friend std::ostream& operator<<(std::ostream&, const Secret&) = delete;

 private:
  void Wipe() {
    volatile char* bytes = value_.data();
    for (std::size_t i = 0; i < value_.size(); ++i) bytes[i] = 0;
    value_.clear();
  }
  std::string value_;
  uint64_t version_ = 0;
};

}  // namespace sluice::connector

#endif  // SLUICE_CONNECTOR_SECRET_H_
