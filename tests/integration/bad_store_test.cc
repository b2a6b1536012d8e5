// Promises: written ahead, never twice; one host at a time. A store that takes nothing for a while, a second host on
// it, a host that sleeps while time or another host goes on: nothing is sent that is not stored, work stops with one
// line and goes on by itself.

#include <errno.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/integration/small_school.h"

namespace sluice::integration {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class BadStoreTest : public testing::Test {
 protected:
  // In the middle of making accounts, eight at once, each of them slow.
  std::function<Answer()> BeginEnforcement(SmallSchool& school) {
    school.Must({"import"});
    school.Must({"system", "activate", "dir", "--reason", "in use"});
    school.Faults("dir", "apply=slow:60");
    const auto enforcement = school.host().RunInBackground({"enforce"});
    EXPECT_TRUE(Await([&] { return school.Calls().size() >= 8; }));
    return enforcement;
  }
  // Nothing is asked of the target any more: what was under way has ended.
  static size_t AwaitQuiet(SmallSchool& school) {
    size_t calls = 0;
    absl::Time since = absl::Now();
    EXPECT_TRUE(Await([&] {
      const size_t now = school.Calls().size();
      if (now != calls) since = absl::Now();
      calls = now;
      return absl::Now() - since > absl::Milliseconds(500);
    }));
    return calls;
  }
  static Json LastRun(SmallSchool& school) { return school.Must({"run", "list", "--limit", "1"})["runs"][0]; }
  // Nothing is sent that is not stored, one line says so, and decisions are refused.
  static void ExpectThatItWaits(SmallSchool& school, const std::string& line) {
    const size_t calls = AwaitQuiet(school);
    EXPECT_LT(calls, 120u) << "it was all done before";
    const Json run = LastRun(school);
    EXPECT_EQ(run["state"], "running");
    const Json shown = school.Must({"run", "show", run["name"].get<std::string>().substr(5)}).value("run", Json());
    EXPECT_THAT(shown.value("warnings", Json()).dump(), AllOf(HasSubstr(line), HasSubstr("nothing is sent until")));
    EXPECT_EQ(shown.value("warnings", Json()).size(), 1u);
    const Answer refused = school.Sluice({"system", "activate", "dir", "--reason", "in use"});
    EXPECT_EQ(refused.code, 1);
    EXPECT_THAT(refused.err, HasSubstr(line));
    EXPECT_EQ(school.Calls().size(), calls) << "something was sent that is not stored";
  }
  static void ExpectThatItGoesOn(SmallSchool& school, const std::function<Answer()>& enforcement) {
    school.Faults("dir", "");
    const Answer answer = enforcement();
    EXPECT_EQ(answer.code, 0) << answer.out << answer.err;
    EXPECT_EQ(answer.json["state"], "succeeded");
    school.Finish();
    school.ExpectAllIsRight();
  }
  static void SetFileLimit(const Host& host, rlim_t bytes) {
    rlimit limit = {};
    ASSERT_EQ(prlimit(host.pid(), RLIMIT_FSIZE, nullptr, &limit), 0);
    limit.rlim_cur = std::min(bytes, limit.rlim_max);
    ASSERT_EQ(prlimit(host.pid(), RLIMIT_FSIZE, &limit, nullptr), 0);
  }
};

TEST_F(BadStoreTest, WhatMayNotGrowStopsTheWorkWithOneLineAndItGoesOnByItself) {
  SmallSchool school({.people = 40});
  const auto enforcement = BeginEnforcement(school);
  SetFileLimit(school.host(), 4096);  // Nothing of the host's may grow: its store, its log.
  ExpectThatItWaits(school, "nothing was written");
  SetFileLimit(school.host(), RLIM_INFINITY);
  ExpectThatItGoesOn(school, enforcement);
}

// What a disk does while the host lives: it fills up, or the kernel makes it read-only.
TEST_F(BadStoreTest, ADiskThatTakesNothingStopsTheWorkWithOneLineAndItGoesOnByItself) {
  struct Fault {
    const char* error;
    const char* says;
  };
  for (const Fault& fault : {Fault{"28", "full"}, Fault{"30", "nothing was written"}}) {
    SCOPED_TRACE(fault.error);
    SmallSchool school({.people = 40});
    const std::string control = school.root() + "/disk";
    school.host().Stop();
    school.host().place().program = "tests/sluiced-that-dies";
    school.host().place().environment["SLUICE_DISK"] = control;
    school.host().place().environment["SLUICE_DISK_BELOW"] = school.host().place().state;
    school.host().Start();
    const auto enforcement = BeginEnforcement(school);
    WriteFile(control, fault.error);
    ExpectThatItWaits(school, fault.says);
    WriteFile(control, "0");
    ExpectThatItGoesOn(school, enforcement);
    // From the beginning: nothing starts that is not stored.
    WriteFile(control, fault.error);
    for (const char* command : {"import", "enforce"}) {
      const Answer refused = school.Sluice({command});
      EXPECT_EQ(refused.code, 1) << refused.out;
      EXPECT_THAT(refused.err, HasSubstr(fault.says));
    }
    WriteFile(control, "0");
    EXPECT_EQ(school.Sluice({"import"}).code, 0);
  }
}

// What this process mounts only it and its children see, and it goes with them. Before there is any thread, for a
// thread keeps the view that it began with.
const bool kHasOwnMounts = unshare(CLONE_NEWNS) == 0 && mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;

// A file system of nine megabytes. Where nobody may mount anything it is none, and the error of the test before is all
// that can be had.
class SmallDisk {
 public:
  SmallDisk() {
    if (mkdtemp(folder_.data()) == nullptr) std::abort();
    is_mounted_ = kHasOwnMounts && mount("sluice-test", folder_.c_str(), "tmpfs", 0, "size=9m") == 0;
  }
  ~SmallDisk() {
    if (is_mounted_) umount2(folder_.c_str(), MNT_DETACH);
    std::error_code error;
    std::filesystem::remove(folder_, error);
  }
  bool is_mounted() const { return is_mounted_; }
  const std::string& folder() const { return folder_; }

 private:
  std::string folder_ = "/tmp/sluice-disk-XXXXXX";
  bool is_mounted_ = false;
};

TEST_F(BadStoreTest, AFileSystemThatIsReallyFullStopsTheWorkWithOneLineAndItGoesOnByItself) {
  const SmallDisk disk;
  if (!disk.is_mounted()) return;
  SmallSchool school({.people = 40, .state = disk.folder() + "/host"});
  const auto enforcement = BeginEnforcement(school);
  const int ballast = open((disk.folder() + "/ballast").c_str(), O_WRONLY | O_CREAT, 0600);
  const std::string block(4096, 'x');
  while (write(ballast, block.data(), block.size()) > 0) {
  }
  EXPECT_EQ(errno, ENOSPC);
  ExpectThatItWaits(school, "full");
  EXPECT_EQ(ftruncate(ballast, 0), 0);
  close(ballast);
  ExpectThatItGoesOn(school, enforcement);
}

// A store that may not be written at all is said at the start, and the host does not come up half.
TEST_F(BadStoreTest, AStoreThatMayNotBeWrittenIsSaidAtTheStart) {
  SmallSchool school({.people = 6});
  school.Finish();
  school.host().Stop();
  const std::string control = school.root() + "/disk";
  school.host().place().program = "tests/sluiced-that-dies";
  school.host().place().environment["SLUICE_DISK"] = control;
  school.host().place().environment["SLUICE_DISK_BELOW"] = school.host().place().state;
  WriteFile(control, "30");
  std::string last_words;
  EXPECT_FALSE(school.host().TryStart(&last_words));
  EXPECT_THAT(last_words, HasSubstr(school.host().place().state));
  WriteFile(control, "0");
  school.host().Start();
  school.Finish();
  school.ExpectAllIsRight();
}

TEST_F(BadStoreTest, ARunOfADeadHostIsClosedAndTheNextOneRuns) {
  for (const bool in_import : {true, false}) {
    SCOPED_TRACE(in_import ? "in mid-import" : "in mid-enforcement");
    SmallSchool school({.people = 20});
    std::function<Answer()> command;
    if (in_import) {
      school.Faults("hr", "import=slow:100");
      command = school.host().RunInBackground({"import"});
      EXPECT_TRUE(Await([&] { return LastRun(school)["state"] == "running"; }));
    } else {
      command = BeginEnforcement(school);
    }
    const std::string name = LastRun(school)["name"];
    school.host().Kill();
    EXPECT_NE(command().code, 0);
    school.Faults("hr", "");
    school.Faults("dir", "");
    school.host().Start();
    const Json list = school.Must({"run", "list"});
    for (const Json& run : list["runs"]) {
      if (run["name"] == name) {
        EXPECT_EQ(run["state"], "interrupted");
      }
    }
    school.Finish();  // As cron does a minute later.
    school.ExpectAllIsRight();
  }
}

TEST_F(BadStoreTest, ASecondHostIsRefusedByNameAlsoWhileTheFirstSleepsAndItsLeaseEnds) {
  SmallSchool school({.people = 40});
  const auto second = school.AnotherHost("second");
  const auto expect_refused = [&] {
    std::string last_words;
    EXPECT_FALSE(second->TryStart(&last_words));
    EXPECT_THAT(last_words, AllOf(HasSubstr("the store is in use by host "),
                                  HasSubstr(absl::StrCat("process ", school.host().pid())),
                                  HasSubstr("end that one first, or give this host a store of its own")));
  };
  expect_refused();
  const auto enforcement = BeginEnforcement(school);
  school.host().Signal(SIGSTOP);
  expect_refused();
  school.SetTime("2026-11-24T04:30:00+01:00");
  school.Faults("dir", "");
  school.host().Signal(SIGCONT);
  EXPECT_EQ(enforcement().code, 0);
  school.Finish();
  school.ExpectAllIsRight();
}

TEST_F(BadStoreTest, AHostThatWakesUpAndWasTakenOverWritesAndSendsNothingMore) {
  SmallSchool school({.people = 40});
  const auto enforcement = BeginEnforcement(school);
  Host& first = school.host();
  first.Signal(SIGSTOP);
  const size_t calls = AwaitQuiet(school);  // Its plugin has done what it was given.
  EXPECT_LT(calls, 120u) << "it was all done before";
  school.Faults("dir", "");
  std::filesystem::remove(school.state_file() + ".lock");  // Somebody thought that it was dead.
  const auto second = school.AnotherHost("second");
  second->Start();
  for (const char* command : {"import", "enforce"}) EXPECT_EQ(second->Run({command}).code, 0) << command;
  EXPECT_TRUE(second->Run({"plan"}).json["operations"].empty());
  const size_t done = school.Calls().size();

  first.Signal(SIGCONT);
  const Answer answer = enforcement();
  EXPECT_EQ(answer.code, 1);
  EXPECT_EQ(answer.json["state"], "failed");
  EXPECT_THAT(answer.json["summary"].get<std::string>(),
              AllOf(HasSubstr("was taken over by host "), HasSubstr(absl::StrCat("process ", second->pid()))));
  const Answer refused = first.Run({"import"});
  EXPECT_EQ(refused.code, 1);
  EXPECT_THAT(refused.err, HasSubstr("was taken over by host "));
  EXPECT_EQ(school.Calls().size(), done) << "it went on with its old claims";
  first.Stop();
  second->Stop();
  first.Start();
  school.Finish();
  school.ExpectAllIsRight();
}

}  // namespace
}  // namespace sluice::integration
