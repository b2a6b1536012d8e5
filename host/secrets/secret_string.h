// A secret in memory: cannot be copied, printed, logged or compared by accident, and is wiped when it ends.
//
// Belongs to one thread at a time. Reveal() is the one way to what it holds: for the call that hands it over.
#ifndef SLUICE_HOST_SECRETS_SECRET_STRING_H_
#define SLUICE_HOST_SECRETS_SECRET_STRING_H_

#include <cstddef>
#include <memory>
#include <ostream>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"

namespace sluice::secrets {

class SecretString {
 public:
  SecretString() = default;
  explicit SecretString(absl::string_view text);
  // Takes the text over and wipes what `text` held.
  static SecretString TakeFrom(std::string& text);

  SecretString(SecretString&& other) noexcept : bytes_(std::move(other.bytes_)), size_(std::exchange(other.size_, 0)) {}
  SecretString& operator=(SecretString&& other) noexcept;
  SecretString(const SecretString&) = delete;
  SecretString& operator=(const SecretString&) = delete;
  ~SecretString() { Wipe(); }

  SecretString Copy() const { return SecretString(Reveal()); }
  absl::string_view Reveal() const { return absl::string_view(bytes_.get(), size_); }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  friend std::ostream& operator<<(std::ostream&, const SecretString&) = delete;
  template <class Sink>
  friend void AbslStringify(Sink&, const SecretString&) = delete;

 private:
  void Wipe();

  std::unique_ptr<char[]> bytes_;
  size_t size_ = 0;
};

// Overwrites what a text held, and empties it.
void WipeText(std::string& text);

}  // namespace sluice::secrets

#endif  // SLUICE_HOST_SECRETS_SECRET_STRING_H_
