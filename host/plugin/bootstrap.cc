#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "host/plugin/bootstrap_internal.h"
#include "host/plugin/log_lines.h"
#include "sdk/wire/limits.h"
#include "sluice/connector/v1/bootstrap.pb.h"

namespace sluice::plugin {
namespace {

namespace v1 = connector::v1;

constexpr size_t kMaxReasonBytes = 500;

std::string EncodeRequest(const ProcessOptions& options, const std::string& launch_id, const ListenPlace* listen) {
  v1::BootstrapRequest request;
  request.set_min_protocol(wire::kMinProtocol);
  request.set_max_protocol(wire::kMaxProtocol);
  request.set_host_version(options.host_version);
  request.set_launch_id(launch_id);
  request.add_transports()->mutable_inherited()->set_fd(wire::kTransportFd);
  if (listen != nullptr) {
    v1::ListenSocket* socket = request.add_transports()->mutable_listen();
    socket->set_path(listen->path());
    socket->set_host_certificate(listen->identity().certificate_der);
  }
  request.set_work_dir(options.work_dir);
  request.mutable_limits()->set_max_message_bytes(wire::kMaxMessageBytes);
  request.mutable_limits()->set_max_batch_records(wire::kMaxBatchRecords);
  request.set_log_level(v1::LOG_LEVEL_INFO);
  return wire::EncodeFrame(request);
}

}  // namespace

Bootstrap::Bootstrap(const Package& package, const ProcessOptions& options, const std::string& launch_id,
                     const ListenPlace* listen)
    : package_(package),
      options_(options),
      listen_(listen),
      request_(EncodeRequest(options, launch_id, listen)),
      decoder_(wire::kMaxBootstrapBytes),
      deadline_(std::min(options.start_deadline, options.start_most)) {}

void Bootstrap::End(EndKind kind, std::string text, bool worth_retrying) {
  state_ = State::kEnded;
  end_ = ProcessEnd{.kind = kind, .number = 0, .text = std::move(text), .worth_retrying = worth_retrying};
}

ProcessEnd Bootstrap::DeadlineEnd() const {
  return ProcessEnd{.kind = EndKind::kStartDeadline,
                    .number = 0,
                    .text = absl::StrCat("was not ready ", absl::FormatDuration(deadline_), " after its start",
                                         activity_.empty() ? "" : absl::StrCat(", still at: ", activity_)),
                    .worth_retrying = true};
}

void Bootstrap::OnEndOfFile() {
  if (state_ != State::kWaiting) return;
  End(EndKind::kBadHandshake, "closed its control descriptor before it said that it is ready", true);
}

void Bootstrap::Feed(absl::string_view bytes, absl::Duration now) {
  if (state_ != State::kWaiting) return;  // After the exchange nothing more is asked for.
  decoder_.Feed(std::string_view(bytes.data(), bytes.size()));
  while (state_ == State::kWaiting) {
    auto frame = decoder_.Next();
    if (!frame.ok()) return End(EndKind::kBadHandshake, std::string(frame.status().message()), true);
    if (!frame->has_value()) return;
    TakeReply(**frame, now);
  }
}

std::string Bootstrap::Misfit(const std::string& name, const std::string& version, uint32_t protocol) const {
  if (protocol < wire::kMinProtocol || protocol > wire::kMaxProtocol) {
    return absl::StrCat("speaks protocol ", protocol, "; this host speaks ", wire::kMinProtocol, " to ",
                        wire::kMaxProtocol);
  }
  if (name != package_.name || version != package_.version) {
    return absl::StrCat("says that it is ", HarmlessText(name, 128), " ", HarmlessText(version, 64),
                        ", its manifest says ", package_.name, " ", package_.version);
  }
  return "";
}

// What is wrong with the transport that it chose; empty: nothing.
std::string Bootstrap::TakeTransport(const v1::BootstrapReply::Accepted& accepted) {
  const v1::Transport& transport = accepted.transport();
  if (transport.has_inherited() && transport.inherited().fd() == wire::kTransportFd) return "";
  if (!transport.has_listen() || listen_ == nullptr || transport.listen().path() != listen_->path()) {
    return "wants a transport that was not offered";
  }
  auto certificate = CertificateToPem(accepted.plugin_certificate());
  if (!certificate.ok()) return "listens, and gave no certificate to know it by";
  plugin_certificate_ = *std::move(certificate);
  return "";
}

void Bootstrap::TakeReply(const std::string& payload, absl::Duration now) {
  v1::BootstrapReply reply;
  if (!reply.ParseFromString(payload)) {
    return End(EndKind::kBadHandshake, "sent something that is not a bootstrap reply", true);
  }
  switch (reply.result_case()) {
    case v1::BootstrapReply::kStarting:
      activity_ = HarmlessText(reply.starting().activity(), kMaxReasonBytes);
      deadline_ = std::min(std::max(deadline_, now + options_.start_extension), options_.start_most);
      return;
    case v1::BootstrapReply::kRefused:
      return End(EndKind::kRefused,
                 absl::StrCat("refused to start: ", HarmlessText(reply.refused().reason(), kMaxReasonBytes)),
                 reply.refused().worth_retrying());
    case v1::BootstrapReply::kAccepted:
      break;
    case v1::BootstrapReply::RESULT_NOT_SET:
      return End(EndKind::kBadHandshake, "sent a bootstrap reply that says nothing", true);
  }
  const v1::BootstrapReply::Accepted& accepted = reply.accepted();
  if (std::string misfit = Misfit(accepted.name(), accepted.version(), accepted.protocol()); !misfit.empty()) {
    return End(EndKind::kRefused, std::move(misfit), false);
  }
  if (std::string misfit = TakeTransport(accepted); !misfit.empty()) {
    return End(EndKind::kRefused, std::move(misfit), false);
  }
  state_ = State::kAccepted;
}

}  // namespace sluice::plugin
