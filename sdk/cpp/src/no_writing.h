// NoWriting: while one lives, HTTP clients refuse on this thread what may write, however the system was opened. The
// runtime holds one around Preview and Verify, which only read.
#ifndef SLUICE_SDK_CPP_SRC_NO_WRITING_H_
#define SLUICE_SDK_CPP_SRC_NO_WRITING_H_

namespace sluice::connector {

class NoWriting {
 public:
  NoWriting() { ++depth_; }
  NoWriting(const NoWriting&) = delete;
  NoWriting& operator=(const NoWriting&) = delete;
  ~NoWriting() { --depth_; }
  static bool IsOn() { return depth_ > 0; }

 private:
  inline static thread_local int depth_ = 0;
};

}  // namespace sluice::connector

#endif  // SLUICE_SDK_CPP_SRC_NO_WRITING_H_
