#include "sdk/cpp/src/runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "grpcpp/grpcpp.h"
#include "grpcpp/health_check_service_interface.h"
#include "grpcpp/server_posix.h"

namespace sluice::connector {
namespace {

constexpr absl::Duration kStopPatience = absl::Milliseconds(200);

absl::Status MakeNonBlocking(int fd) {
  int type = 0;
  socklen_t size = sizeof type;
  if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_STREAM) {
    return absl::InvalidArgumentError(absl::StrCat("descriptor ", fd, " is not a stream socket"));
  }
  const int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
    return absl::InternalError(absl::StrCat("descriptor ", fd, " cannot be made non-blocking: ", strerror(errno)));
  }
  return absl::OkStatus();
}

}  // namespace

Runtime::Runtime(const Connector& connector, RuntimeOptions options)
    : state_(connector, std::move(options.work_dir), std::move(options.egress_proxy), options.limits),
      plugin_(&state_),
      configuration_(&state_),
      reader_(&state_),
      writer_(&state_) {}

Runtime::~Runtime() {
  if (server_ == nullptr) return;
  state_.StartDraining();
  for (const auto& ledger : state_.systems.Ledgers()) ledger->CancelAll();
  server_->Shutdown(absl::ToChronoTime(absl::Now() + kStopPatience));
  server_->Wait();
}

absl::Status Runtime::Start(int fd) {
  if (auto status = MakeNonBlocking(fd); !status.ok()) {
    close(fd);
    return status;
  }
  grpc::EnableDefaultHealthCheckService(true);
  grpc::ServerBuilder builder;
  builder.RegisterService(&plugin_);
  builder.RegisterService(&configuration_);
  builder.RegisterService(&reader_);
  if (state_.systems.is_target()) builder.RegisterService(&writer_);
  builder.SetMaxReceiveMessageSize(static_cast<int>(state_.limits.max_message_bytes));
  builder.SetMaxSendMessageSize(static_cast<int>(state_.limits.max_message_bytes));
  server_ = builder.BuildAndStart();
  if (server_ == nullptr) {
    close(fd);
    return absl::InternalError("the gRPC server could not be started");
  }
  SetServing(true);
  state_.on_drain = [this] { SetServing(false); };
  grpc::AddInsecureChannelFromFd(server_.get(), fd);
  return absl::OkStatus();
}

void Runtime::SetServing(bool is_serving) {
  auto* health = server_->GetHealthCheckService();
  if (health == nullptr) return;
  for (const char* service : {"Plugin", "Configuration", "Reader", "Writer"}) {
    if (service == std::string("Writer") && !state_.systems.is_target()) continue;
    health->SetServingStatus(absl::StrCat("sluice.connector.v1.", service), is_serving);
  }
  health->SetServingStatus("", is_serving);
}

}  // namespace sluice::connector
