// A value that all copies of its handle share until one of them changes it. One pointer wide.
//
// Copies may be used on different threads, as with std::shared_ptr; one handle is for one thread at a time.
#ifndef SLUICE_HOST_CORE_SHARED_H_
#define SLUICE_HOST_CORE_SHARED_H_

#include <atomic>
#include <cstdint>
#include <utility>

namespace sluice::core {

template <class T>
class Shared {
 public:
  Shared() = default;
  explicit Shared(T value) : holder_(new Holder{{1}, std::move(value)}) {}
  Shared(const Shared& other) : holder_(other.holder_) {
    if (holder_ != nullptr) holder_->count.fetch_add(1, std::memory_order_relaxed);
  }
  Shared(Shared&& other) noexcept : holder_(std::exchange(other.holder_, nullptr)) {}
  Shared& operator=(Shared other) noexcept {
    std::swap(holder_, other.holder_);
    return *this;
  }
  ~Shared() {
    if (holder_ != nullptr && holder_->count.fetch_sub(1, std::memory_order_acq_rel) == 1) delete holder_;
  }

  bool has_value() const { return holder_ != nullptr; }
  const T& operator*() const { return holder_->value; }
  const T* operator->() const { return &holder_->value; }
  bool IsSameAs(const Shared& other) const { return holder_ == other.holder_; }

  // For changing it: made when there is none, a copy of its own when others hold it too.
  T& Own() {
    if (holder_ == nullptr) {
      *this = Shared(T());
    } else if (holder_->count.load(std::memory_order_acquire) > 1) {
      *this = Shared(T(holder_->value));
    }
    return holder_->value;
  }

 private:
  struct Holder {
    std::atomic<uint32_t> count;
    T value;
  };
  Holder* holder_ = nullptr;
};

}  // namespace sluice::core

#endif  // SLUICE_HOST_CORE_SHARED_H_
