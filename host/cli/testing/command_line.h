// What the tests of the program itself share: `sluice`, run as anybody runs it, against a host in this process.
#ifndef SLUICE_HOST_CLI_TESTING_COMMAND_LINE_H_
#define SLUICE_HOST_CLI_TESTING_COMMAND_LINE_H_

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "host/api/testing/test_host.h"
#include "host/base/subprocess.h"

namespace sluice::cli::testing {

using Words = std::vector<std::string>;

struct Answer {
  int code = -1;
  std::string out, err;
};

class CommandLineTest : public ::testing::Test {
 protected:
  Answer Run(const Words& arguments) { return RunOn(host_.socket(), arguments); }

  // The terminal is in Auckland; the school is not.
  Answer RunOn(const std::string& socket, const Words& arguments) {
    const char* binaries = std::getenv("SLUICE_BINARY_DIR");
    base::SpawnOptions options;
    options.executable = absl::StrCat(binaries == nullptr ? "build/dev" : binaries, "/bin/sluice");
    if (options.executable.front() != '/') {
      char* here = get_current_dir_name();
      options.executable = absl::StrCat(here, "/", options.executable);
      free(here);
    }
    options.arguments = arguments;
    options.environment = {absl::StrCat("SLUICE_SOCKET=", socket), "TZ=Pacific/Auckland"};
    const base::FileDescriptor out(memfd_create("out", MFD_CLOEXEC)), err(memfd_create("err", MFD_CLOEXEC));
    options.descriptors = {-1, out.get(), err.get()};
    auto process = base::Subprocess::Spawn(options);
    if (!process.ok()) return {-1, "", std::string(process.status().message())};
    (*process)->WaitForEnd(absl::Seconds(60));
    return {(*process)->Reap().number, Content(out.get()), Content(err.get())};
  }

  static std::string Content(int fd) {
    std::string content(static_cast<size_t>(lseek(fd, 0, SEEK_END)), '\0');
    EXPECT_EQ(pread(fd, content.data(), content.size(), 0), static_cast<ssize_t>(content.size()));
    return content;
  }

  // With the directory active and nothing that waits but the plan's own.
  void Begin() {
    host_.ImportAll();
    host_.Activate();
  }
  std::string WaitingBlock() {
    const Answer list = Run({"block", "list", "--json"});
    const auto json = nlohmann::json::parse(list.out);
    return json["blocks"][0]["name"].get<std::string>().substr(7, 8);
  }

  // Everything that the host keeps: the bytes of its store, and how much was carried out in the directory.
  std::map<std::string, std::string> Kept() {
    std::map<std::string, std::string> kept = {{"operations", absl::StrCat(host_.directory().operations())}};
    for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(host_.folder()).parent_path())) {
      const std::string path = entry.path().string();
      if (absl::StrContains(path, "sluice.db") && !absl::EndsWith(path, "-shm"))
        kept[path] = config::testing::FileContent(path);
    }
    return kept;
  }

  api::testing::TestHost host_;
};

}  // namespace sluice::cli::testing

#endif  // SLUICE_HOST_CLI_TESTING_COMMAND_LINE_H_
