#include "sdk/cpp/src/http_body.h"

#include <algorithm>
#include <cstring>

namespace sluice::connector {

void HttpBody::Begin(HttpResponse response) {
  absl::MutexLock lock(&mutex_);
  if (!response_.has_value()) response_ = std::move(response);
}

bool HttpBody::has_begun() const {
  absl::MutexLock lock(&mutex_);
  return response_.has_value();
}

bool HttpBody::Add(const char* data, size_t size) {
  absl::MutexLock lock(&mutex_);
  const size_t waiting = bytes_.size() - at_;
  if (waiting > 0 && waiting + size > kRoom) {
    is_paused_ = true;
    return false;
  }
  if (at_ > 0) bytes_.erase(0, std::exchange(at_, 0));
  bytes_.append(data, size);
  return true;
}

bool HttpBody::TakeResume() {
  absl::MutexLock lock(&mutex_);
  if (!std::exchange(may_resume_, false)) return false;
  is_paused_ = false;
  return true;
}

bool HttpBody::is_abandoned() const {
  absl::MutexLock lock(&mutex_);
  return is_abandoned_;
}

void HttpBody::End(absl::StatusOr<HttpResponse> outcome) {
  absl::MutexLock lock(&mutex_);
  if (!outcome_.has_value()) outcome_ = std::move(outcome);
}

absl::StatusOr<HttpResponse> HttpBody::AwaitBegin() {
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(this, &HttpBody::IsKnown));
  if (response_.has_value()) return *response_;
  return *outcome_;
}

absl::StatusOr<size_t> HttpBody::Read(char* buffer, size_t size) {
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(this, &HttpBody::HasNews));
  const size_t count = std::min(size, bytes_.size() - at_);
  if (count == 0) {
    if (outcome_.has_value() && !outcome_->ok()) return outcome_->status();
    return size_t{0};
  }
  std::memcpy(buffer, bytes_.data() + at_, count);
  at_ += count;
  if (is_paused_ && bytes_.size() - at_ <= kRoom / 2 && !outcome_.has_value() && !std::exchange(may_resume_, true))
    wake_();
  return count;
}

void HttpBody::Abandon() {
  absl::MutexLock lock(&mutex_);
  is_abandoned_ = true;
  if (!outcome_.has_value()) wake_();
}

}  // namespace sluice::connector
