#include "host/secrets/secret_string.h"

#include <openssl/crypto.h>

#include <cstring>

namespace sluice::secrets {

SecretString::SecretString(absl::string_view text) : bytes_(new char[text.size()]), size_(text.size()) {
  if (!text.empty()) std::memcpy(bytes_.get(), text.data(), text.size());
}

SecretString SecretString::TakeFrom(std::string& text) {
  SecretString taken(text);
  WipeText(text);
  return taken;
}

SecretString& SecretString::operator=(SecretString&& other) noexcept {
  if (this != &other) {
    Wipe();
    bytes_ = std::move(other.bytes_);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

void SecretString::Wipe() {
  if (bytes_ != nullptr) OPENSSL_cleanse(bytes_.get(), size_);
  bytes_.reset();
  size_ = 0;
}

void WipeText(std::string& text) {
  text.resize(text.capacity());
  OPENSSL_cleanse(text.data(), text.size());
  text.clear();
}

}  // namespace sluice::secrets
