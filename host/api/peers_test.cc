// The socket: who is at its other end, and who may listen on it.

#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "host/api/testing/api_test.h"

namespace sluice::api::testing {
namespace {

using ::testing::HasSubstr;

class PeersTest : public ApiTest {
 protected:
  // A socket file that nobody listens on, as a host leaves it that was killed.
  static void MakeStale(const std::string& path) {
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    close(fd);
  }
  absl::StatusOr<std::unique_ptr<Server>> Start(const std::string& socket) {
    return Server::Start(socket, &host_.engine(), &host_);
  }
  std::string Beside(const std::string& name) const {
    return (std::filesystem::path(host_.socket()).parent_path() / name).string();
  }
};

TEST_F(PeersTest, WhoActsIsTheUserAtTheOtherEndOfTheSocket) {
  host_.ImportAll();
  Ok(&v1::Persons::Stub::ExcludePerson, Named<v1::ExcludePersonRequest>("104233", "on leave"));
  v1::ListAuditRowsRequest request;
  request.set_newest_first(true);
  request.set_page_size(1);
  const auto reply = Ok(&v1::Audit::Stub::ListAuditRows, request);
  ASSERT_EQ(reply.rows_size(), 1);
  const passwd* user = getpwuid(geteuid());
  ASSERT_NE(user, nullptr);
  EXPECT_EQ(reply.rows(0).row().fields().at("actor").string_value(), absl::StrCat("user:", user->pw_name));
}

TEST_F(PeersTest, EachConnectionHasItsPeer) {
  for (int i = 0; i < 20; ++i) {
    const auto channel = Connect(host_.socket());
    grpc::ClientContext context;
    v1::Run run;
    v1::StartImportRequest request;
    request.add_systems("ad");
    ASSERT_TRUE(v1::Runs::NewStub(channel)->StartImport(&context, request, &run).ok());
    EXPECT_NE(run.actor(), "user:?");
    host_.Await(run.name().substr(5));
  }
}

TEST_F(PeersTest, ASecondHostOnTheSameSocketIsRefusedAndHarmsNothing) {
  const auto second = Start(host_.socket());
  EXPECT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("another host already listens"));
  EXPECT_EQ(Ok(&v1::Host::Stub::GetStatus).name(), "A small school");
}

TEST_F(PeersTest, ASocketFileThatNobodyListensOnIsReplaced) {
  const std::string path = Beside("stale.sock");
  MakeStale(path);
  const auto server = Start(path);
  ASSERT_TRUE(server.ok()) << server.status();
  grpc::ClientContext context;
  v1::Status reply;
  EXPECT_TRUE(v1::Host::NewStub(Connect(path))->GetStatus(&context, {}, &reply).ok());
}

TEST_F(PeersTest, AFileOfThatNameThatIsNoSocketStays) {
  const std::string path = Beside("letter.txt");
  std::ofstream(path) << "dear reader";
  const auto server = Start(path);
  EXPECT_EQ(server.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(std::filesystem::file_size(path), 11u);
}

TEST_F(PeersTest, TheSocketIsForItsUserAndGroupAndGoesWithTheServer) {
  const std::string path = Beside("own.sock");
  auto server = Start(path);
  ASSERT_TRUE(server.ok());
  struct stat found = {};
  ASSERT_EQ(lstat(path.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0660u);
  server->reset();
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(PeersTest, AnotherHostsSocketOfTheSameNameIsLeftAlone) {
  const std::string path = Beside("own.sock");
  auto server = Start(path);
  ASSERT_TRUE(server.ok());
  std::filesystem::remove(path);
  MakeStale(path);
  server->reset();
  EXPECT_TRUE(std::filesystem::exists(path));
}

TEST_F(PeersTest, APathThatIsTooLongIsSaidSo) {
  const auto server = Start("/tmp/" + std::string(200, 'x'));
  EXPECT_EQ(server.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(server.status().message()), HasSubstr("longer than 107 bytes"));
}

TEST_F(PeersTest, AServerEndsWithCallsUnderWay) {
  const std::string path = Beside("own.sock");
  auto server = Start(path);
  ASSERT_TRUE(server.ok());
  host_.school().HoldImports(true);
  const v1::Run run = Ok(&v1::Runs::Stub::StartImport);
  grpc::ClientContext context;
  auto stub = v1::Runs::NewStub(Connect(path));
  auto reader = stub->WatchRun(&context, Named<v1::GetRunRequest>(run.name()));
  v1::Run seen;
  ASSERT_TRUE(reader->Read(&seen));
  server->reset();
  while (reader->Read(&seen)) {
  }
  EXPECT_FALSE(reader->Finish().ok());
}

}  // namespace
}  // namespace sluice::api::testing
