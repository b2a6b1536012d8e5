#include "host/api/server.h"

#include <grpcpp/server_posix.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "host/api/call_internal.h"
#include "host/base/status.h"

namespace sluice::api {
namespace {

constexpr int kDefaultPage = 1000;
constexpr absl::Duration kPatience = absl::Seconds(2);

class GrpcServer final : public Server {
 public:
  absl::Status Start(const std::string& socket, engine::Engine* engine, Administration* administration) {
    backend_ = {engine, administration, nullptr};
    // Accepting begins before the server exists; connections wait until it does.
    ASSIGN_OR_RETURN(peers_, Peers::Listen(socket, [this](int fd) {
                       absl::MutexLock lock(&mutex_);
                       mutex_.Await(absl::Condition(
                           +[](GrpcServer* self) { return self->server_ != nullptr || self->is_ending_; }, this));
                       if (is_ending_) {
                         close(fd);
                       } else {
                         grpc::AddInsecureChannelFromFd(server_.get(), fd);
                       }
                     }));
    backend_.peers = peers_.get();
    for (const auto make : {MakeHostService, MakeConfigurationService, MakeSystemService, MakePersonService,
                            MakeRuleService, MakePlanService, MakeRunService, MakeBlockService, MakePluginService,
                            MakeCredentialService, MakeAuditService}) {
      services_.push_back(make(backend_));
    }
    grpc::ServerBuilder builder;
    builder.SetMaxReceiveMessageSize(4 << 20);
    for (const auto& service : services_) builder.RegisterService(service.get());
    std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
    absl::MutexLock lock(&mutex_);
    is_ending_ = server == nullptr;
    server_ = std::move(server);
    return server_ ? absl::OkStatus() : absl::InternalError("the management API could not be started");
  }

  ~GrpcServer() override {
    {
      absl::MutexLock lock(&mutex_);
      is_ending_ = true;
    }
    // Calls that begin until then still ask who their peer is.
    if (server_) server_->Shutdown(absl::ToChronoTime(absl::Now() + kPatience));
    peers_.reset();
  }

 private:
  absl::Mutex mutex_;
  bool is_ending_ ABSL_GUARDED_BY(mutex_) = false;
  Backend backend_;
  std::vector<std::unique_ptr<grpc::Service>> services_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<Peers> peers_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const std::string& socket, engine::Engine* engine,
                                                      Administration* administration) {
  auto server = std::make_unique<GrpcServer>();
  RETURN_IF_ERROR(server->Start(socket, engine, administration));
  return server;
}

absl::Status BadToken(const std::string& token) {
  return absl::InvalidArgumentError(absl::StrCat("page_token \"", token, "\" is not one that this list gave"));
}

absl::StatusOr<Page> PageOf(size_t size, int page_size, const std::string& token) {
  Page page;
  if (page_size < 0) return absl::InvalidArgumentError("page_size is negative");
  if (!token.empty() && (!absl::SimpleAtoi(token, &page.from) || page.from > size)) return BadToken(token);
  page.to = std::min(size, page.from + static_cast<size_t>(page_size == 0 ? kDefaultPage : page_size));
  if (page.to < size) page.next_token = absl::StrCat(page.to);
  return page;
}

std::string IdOf(const std::string& name, absl::string_view collection) {
  absl::string_view id = name;
  absl::ConsumePrefix(&id, absl::StrCat(collection, "/"));
  return std::string(id);
}

absl::StatusOr<std::string> RequiredId(const std::string& name, absl::string_view collection) {
  std::string id = IdOf(name, collection);
  if (id.empty()) return absl::InvalidArgumentError(absl::StrCat("a name is missing: ", collection, "/<id>, or an id"));
  return id;
}

}  // namespace sluice::api
