// A folder of its own for a test, removed with everything in it when the test ends.
#ifndef SLUICE_HOST_BASE_TESTING_TEMPORARY_FOLDER_H_
#define SLUICE_HOST_BASE_TESTING_TEMPORARY_FOLDER_H_

#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

namespace sluice::base {

class TemporaryFolder {
 public:
  TemporaryFolder() : path_((std::filesystem::temp_directory_path() / "sluice.XXXXXX").string()) {
    if (mkdtemp(path_.data()) == nullptr) std::abort();
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace sluice::base

#endif  // SLUICE_HOST_BASE_TESTING_TEMPORARY_FOLDER_H_
