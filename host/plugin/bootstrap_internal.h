// The host's half of the bootstrap exchange, without a descriptor: what to send, and what the bytes that come back
// mean.
//
// Pure; one thread. Every byte that comes is hostile: a length over 64 KiB, a frame that is no message, a transport
// that nobody offered all end the exchange with one clear line.
#ifndef SLUICE_HOST_PLUGIN_BOOTSTRAP_INTERNAL_H_
#define SLUICE_HOST_PLUGIN_BOOTSTRAP_INTERNAL_H_

#include <string>

#include "absl/strings/string_view.h"
#include "host/plugin/catalogue.h"
#include "host/plugin/listen.h"
#include "host/plugin/process.h"
#include "sdk/wire/frame.h"
#include "sluice/connector/v1/bootstrap.pb.h"

namespace sluice::plugin {

class Bootstrap {
 public:
  enum class State { kWaiting, kAccepted, kEnded };

  // `listen` is null where no socket can be offered; it must outlive this.
  Bootstrap(const Package& package, const ProcessOptions& options, const std::string& launch_id,
            const ListenPlace* listen);

  // The one frame to send.
  const std::string& request() const { return request_; }
  // Takes bytes from the plugin. `now` is monotonic, counted from the start of the process.
  void Feed(absl::string_view bytes, absl::Duration now);
  // The plugin closed its end.
  void OnEndOfFile();

  State state() const { return state_; }
  // Of a plugin that listens, in PEM; empty: it took the inherited socket.
  const std::string& plugin_certificate() const { return plugin_certificate_; }
  // While waiting: until when, counted from the start of the process.
  absl::Duration deadline() const { return deadline_; }
  // With kEnded.
  const ProcessEnd& end() const { return end_; }
  // The end for a plugin that did not make it by the deadline.
  ProcessEnd DeadlineEnd() const;

 private:
  void TakeReply(const std::string& payload, absl::Duration now);
  void End(EndKind kind, std::string text, bool worth_retrying);
  std::string Misfit(const std::string& name, const std::string& version, uint32_t protocol) const;
  std::string TakeTransport(const connector::v1::BootstrapReply_Accepted& accepted);

  const Package package_;
  const ProcessOptions options_;
  const ListenPlace* const listen_;
  std::string request_;
  std::string plugin_certificate_;
  wire::FrameDecoder decoder_;
  State state_ = State::kWaiting;
  absl::Duration deadline_;
  std::string activity_;
  ProcessEnd end_;
};

}  // namespace sluice::plugin

#endif  // SLUICE_HOST_PLUGIN_BOOTSTRAP_INTERNAL_H_
