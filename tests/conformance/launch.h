// A connector's process, started by the host's own launcher (host/plugin/process.h) and spoken to in the raw contract.
//
// `Launched` is one process with its connection; `BootstrapWith` starts one with a greeting that no host of ours sends.
// Both end with the object. Calls are blocking with a deadline; any thread may make them. Nothing here judges.
#ifndef SLUICE_TESTS_CONFORMANCE_LAUNCH_H_
#define SLUICE_TESTS_CONFORMANCE_LAUNCH_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "host/base/subprocess.h"
#include "host/plugin/listen.h"
#include "host/plugin/process.h"
#include "sluice/connector/v1/bootstrap.pb.h"
#include "sluice/connector/v1/configuration.grpc.pb.h"
#include "sluice/connector/v1/plugin.grpc.pb.h"
#include "sluice/connector/v1/reader.grpc.pb.h"
#include "sluice/connector/v1/writer.grpc.pb.h"
#include "tests/conformance/config.h"

namespace sluice::conformance {

// What is checked: the program, and how it is opened.
struct Subject {
  plugin::Package package;
  bool is_package = false;  // There is a manifest; else only a program.
  Config config;
  std::string directory;  // Of the configuration file.
  connector::v1::GetConfigSchemaReply schema;
  absl::Duration patience = absl::Seconds(10);  // For one answer.
  absl::Duration silence = absl::Seconds(31);   // Of an import, before it is cut off.
};

inline constexpr char kSystem[] = "checked";
// For its end: the contract's two seconds, and what a busy machine adds.
inline constexpr absl::Duration kEndLimit = absl::Seconds(6);

// A program with the descriptors of the contract and nothing of the host's around them: for greetings that no host
// sends, and to see every byte that it prints.
class RawProcess {
 public:
  // Without a request it is started as by hand. A place to listen is offered behind the request's own transports, and
  // `more` is appended to its bytes.
  static absl::StatusOr<std::unique_ptr<RawProcess>> Start(
      const std::string& executable, const std::optional<connector::v1::BootstrapRequest>& request,
      const std::string& work_dir = "", const std::string& more = "");
  ~RawProcess();

  std::optional<connector::v1::BootstrapReply> AwaitReply(absl::Time deadline);  // The last; none if it ended before.
  plugin::Connection TakeConnection(const connector::v1::BootstrapReply::Accepted& accepted);
  // How it ended, if it did within `patience`; then Output() has its last word. One thread.
  std::optional<base::ExitStatus> AwaitEnd(absl::Duration patience);
  std::string Output();  // Of stdout and stderr so far, at most 8 MiB.
  // Closes the control descriptor and waits for the end, by force if need be; then all that it printed is there.
  std::string FinalOutput();
  pid_t pid() const { return process_->pid(); }

 private:
  RawProcess() = default;
  std::unique_ptr<base::Subprocess> process_;
  base::FileDescriptor control_, transport_, pipe_;
  std::unique_ptr<plugin::ListenPlace> listen_;
  absl::Mutex mutex_;
  std::string output_ ABSL_GUARDED_BY(mutex_);
  std::thread reader_;
};

class Launched final : plugin::ProcessObserver {
 public:
  static absl::StatusOr<std::unique_ptr<Launched>> Start(const Subject& subject);
  // Without the host's launcher, at the most talkative log level: FinalOutput() ends it and has every byte that it
  // printed.
  static absl::StatusOr<std::unique_ptr<Launched>> StartTalkative(const Subject& subject);
  ~Launched() override;

  std::unique_ptr<grpc::ClientContext> Context() const;  // With the subject's patience.
  std::unique_ptr<grpc::ClientContext> Context(absl::Duration patience) const;
  connector::v1::Plugin::Stub& plugin() { return *plugin_; }
  connector::v1::Configuration::Stub& configuration() { return *configuration_; }
  connector::v1::Reader::Stub& reader() { return *reader_; }
  connector::v1::Writer::Stub& writer() { return *writer_; }
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }

  // Opens kSystem with the subject's settings; `proxy` is the address that "{proxy}" stands for. INVALID_ARGUMENT says
  // what the connector answered.
  absl::Status Open(connector::v1::OpenRequest::Mode mode, const std::string& proxy = "");
  connector::v1::OpenRequest OpenRequestFor(connector::v1::OpenRequest::Mode mode, const std::string& proxy = "") const;

  connector::v1::ValidateConfigRequest ValidateRequest() const;  // The same settings, and the names of the secrets.
  grpc::Status GetSchema(connector::v1::GetSchemaReply* reply);  // Of kSystem.

  bool IsAlive();  // It answers GetInfo.
  // How it ended, if it did within `patience`.
  std::optional<plugin::ProcessEnd> AwaitEnd(absl::Duration patience);
  void CloseControl() { process_->CloseControl(); }
  bool Signal(int signal) { return process_->Signal(signal); }
  pid_t pid() const { return raw_ != nullptr ? raw_->pid() : process_->pid(); }
  std::string FinalOutput() { return raw_ != nullptr ? raw_->FinalOutput() : ""; }
  const Subject& subject() const { return subject_; }
  const std::string& work_dir() const { return work_dir_; }
  absl::Duration start_time() const { return start_time_; }
  std::vector<std::string> Log();  // Every line that it wrote, harmless, at most 10,000.
  std::string LastWords();         // The last of them; empty when it said nothing.
  std::string PlainLine();         // The first that was no log line but print; its beginning.

 private:
  explicit Launched(const Subject& subject) : subject_(subject) {}
  absl::Status Launch();
  absl::Status LaunchTalkative();
  void Connect(plugin::Connection connection);
  void OnAccepted() override;
  void OnLog(const plugin::LogLine& line) override;
  void OnEnd(const plugin::ProcessEnd& end) override;

  const Subject& subject_;
  std::string work_dir_;
  absl::Mutex mutex_;
  bool is_accepted_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<plugin::ProcessEnd> end_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> log_ ABSL_GUARDED_BY(mutex_);
  std::string plain_line_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<connector::v1::Plugin::Stub> plugin_;
  std::unique_ptr<connector::v1::Configuration::Stub> configuration_;
  std::unique_ptr<connector::v1::Reader::Stub> reader_;
  std::unique_ptr<connector::v1::Writer::Stub> writer_;
  absl::Duration start_time_;
  std::unique_ptr<RawProcess> raw_;
  std::unique_ptr<plugin::Process> process_;  // Last: it calls us until it is gone.
};

// "FORBIDDEN SOM-0201: no right on ...", or what gRPC itself says.
std::string Text(const grpc::Status& status);
connector::v1::Error ErrorOf(const grpc::Status& status);

// A start with a greeting of its own.
struct Greeted {
  std::optional<connector::v1::BootstrapReply> reply;  // The last one that came.
  std::optional<base::ExitStatus> end;                 // Once it has ended by itself.
  std::string output;                                  // Of stdout and stderr, at most 64 KiB.
};
// What the host says, to be changed.
connector::v1::BootstrapRequest Greeting();
// Waits for a reply, and for the end if it refuses. Without a request it is started as by hand.
absl::StatusOr<Greeted> BootstrapWith(const std::string& executable,
                                      const std::optional<connector::v1::BootstrapRequest>& request,
                                      absl::Duration patience, const std::string& more = "");

// Fills in name and version of a program that comes without a manifest, by asking it.
absl::Status Identify(plugin::Package* package);

}  // namespace sluice::conformance

#endif  // SLUICE_TESTS_CONFORMANCE_LAUNCH_H_
