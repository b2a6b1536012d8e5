#include "host/base/subprocess.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace sluice::base {
namespace {

using ::testing::HasSubstr;

struct Pipe {
  Pipe() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) abort();
    read_end = FileDescriptor(ends[0]);
    write_end = FileDescriptor(ends[1]);
  }
  std::string ReadAll() {
    write_end.Close();
    std::string all;
    char buffer[4096];
    ssize_t n;
    while ((n = read(read_end.get(), buffer, sizeof buffer)) > 0) all.append(buffer, static_cast<size_t>(n));
    return all;
  }
  FileDescriptor read_end, write_end;
};

SpawnOptions Shell(const std::string& script, Pipe* out) {
  SpawnOptions options;
  options.executable = "/bin/sh";
  options.arguments = {"-c", script};
  if (out != nullptr) options.descriptors = {-1, out->write_end.get(), -1};
  return options;
}

TEST(SubprocessTest, ExitCodeAndSignalAreTold) {
  auto code = Subprocess::Spawn(Shell("exit 7", nullptr));
  ASSERT_TRUE(code.ok()) << code.status();
  EXPECT_FALSE((*code)->Reap().by_signal);
  EXPECT_EQ((*code)->Reap().number, 7);
  auto killed = Subprocess::Spawn(Shell("kill -SEGV $$", nullptr));
  ASSERT_TRUE(killed.ok());
  EXPECT_TRUE((*killed)->Reap().by_signal);
  EXPECT_EQ((*killed)->Reap().number, SIGSEGV);
}

TEST(SubprocessTest, AProgramThatIsNotThereIsAnErrorWithItsPath) {
  SpawnOptions options;
  options.executable = "/no/such/program";
  auto started = Subprocess::Spawn(options);
  EXPECT_EQ(started.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(started.status().message()), HasSubstr("/no/such/program"));
}

TEST(SubprocessTest, TheChildHasNothingThatWasNotGiven) {
  setenv("SLUICE_TEST_LEAK", "leak", 1);
  FileDescriptor leak(open("/etc/hostname", O_RDONLY));  // Without O_CLOEXEC, as a careless library opens one.
  Pipe out;
  SpawnOptions options = Shell("env; ls /proc/$$/fd | tr '\\n' ' '; ulimit -c; ps -o sid= -p $$ 2>/dev/null", &out);
  options.environment = {"TZ=UTC"};
  auto child = Subprocess::Spawn(options);
  ASSERT_TRUE(child.ok()) << child.status();
  const std::string text = out.ReadAll();
  EXPECT_THAT(text, HasSubstr("TZ=UTC"));
  EXPECT_EQ(text.find("SLUICE_TEST_LEAK"), std::string::npos) << text;
  EXPECT_THAT(text, HasSubstr("0 1 2 0\n")) << "descriptors, then the limit of a core";
}

TEST(SubprocessTest, DescriptorsThatCrossEachOtherArriveAtTheirNumbers) {
  Pipe a, b;
  // Our 3 and 4 may be the pipes' own numbers: what matters is that neither overwrites the other on the way.
  SpawnOptions options = Shell("echo to-three >&3; echo to-four >&4", nullptr);
  options.descriptors = {-1, -1, -1, b.write_end.get(), a.write_end.get()};
  auto child = Subprocess::Spawn(options);
  ASSERT_TRUE(child.ok()) << child.status();
  EXPECT_EQ(b.ReadAll(), "to-three\n");
  EXPECT_EQ(a.ReadAll(), "to-four\n");
}

TEST(SubprocessTest, ReapingTakesTheWholeGroup) {
  Pipe out;
  auto child = Subprocess::Spawn(Shell("sleep 1000 & exec sleep 1000", &out));
  ASSERT_TRUE(child.ok());
  EXPECT_FALSE((*child)->WaitForEnd(absl::ZeroDuration()).has_value());
  EXPECT_TRUE((*child)->Signal(SIGKILL));
  (*child)->Reap();
  EXPECT_EQ(out.ReadAll(), "");  // Ends only when nobody holds the pipe.
  EXPECT_FALSE((*child)->Signal(0));
}

TEST(SubprocessTest, AnEndIsSeenBeforeItIsReaped) {
  auto child = Subprocess::Spawn(Shell("exit 3", nullptr));
  ASSERT_TRUE(child.ok());
  auto end = (*child)->WaitForEnd(absl::Seconds(20));
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->number, 3);
  EXPECT_EQ(kill((*child)->pid(), 0), 0) << "its number is still its own";
}

}  // namespace
}  // namespace sluice::base
