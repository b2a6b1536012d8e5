// One running plugin program: started, greeted over its control descriptor, listened to, and seen to its end.
//
// A thread of its own waits for whatever comes first: bytes on stdout, stderr or the control descriptor, the end of the
// process, a deadline of the start. The observer hears of it on that thread, never under a lock, OnEnd last and exactly
// once; it must not destroy the Process from there. All other functions are thread-safe. Knows nothing of gRPC: it
// hands the connection over as a descriptor, or as the place where the plugin listens.
//
// What the child gets: stdin /dev/null, stdout and stderr pipes, control descriptor 3, connection descriptor 4, and an
// environment of SLUICE_CONTROL_FD, LANG and TZ. The sandbox will be applied between Launch and exec; today there is
// none.
#ifndef SLUICE_HOST_PLUGIN_PROCESS_H_
#define SLUICE_HOST_PLUGIN_PROCESS_H_

#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "host/base/subprocess.h"
#include "host/plugin/catalogue.h"
#include "host/plugin/listen.h"
#include "host/plugin/log_lines.h"

namespace sluice::plugin {

// Why a process is gone, or never came to be.
enum class EndKind {
  kNone,           // It runs, or never ran.
  kAsked,          // The host stopped it.
  kExit,           // Exit code, by itself.
  kSignal,         // Signal, by itself or by the system.
  kRefused,        // It said no, as data.
  kHang,           // No answer to health calls.
  kStartDeadline,  // Not ready in time.
  kBadHandshake,   // What it said at the start makes no sense.
  kNotStarted,     // The program could not be executed.
  kOpenFailed,     // It does not take its system's settings, or could not open it.
};

struct ProcessEnd {
  EndKind kind = EndKind::kNone;
  int number = 0;              // Exit code or signal, as far as there was one.
  std::string text;            // One line: "ended by signal 11 (Segmentation fault)".
  bool worth_retrying = true;  // False: trying again would give the same.
};
absl::string_view EndKindName(EndKind kind);  // "hang"
ProcessEnd EndOf(const base::ExitStatus& status);

struct ProcessOptions {
  absl::Duration start_deadline = absl::Seconds(10);   // From start to Accepted.
  absl::Duration start_extension = absl::Seconds(10);  // More for each Starting,
  absl::Duration start_most = absl::Seconds(60);       // up to this much together.
  absl::Duration refusal_patience = absl::Seconds(1);  // For a process that refused to end by itself.
  std::string language = "C.UTF-8";
  std::string time_zone = "UTC";
  std::string work_dir;          // The only directory that the plugin may write in; exists. Empty: none.
  std::string socket_root = {};  // Where a private directory for a socket is made, when work_dir is none.
  std::string host_version = "0.1.0";
  LineLimits lines;
};

// Either a connected socket, or where the plugin listens and what each side shows the other.
struct Connection {
  base::FileDescriptor socket;
  std::string listen_path;                                     // Empty: the socket.
  std::string host_certificate, host_key, plugin_certificate;  // PEM.
};

class ProcessObserver {
 public:
  virtual ~ProcessObserver() = default;
  virtual void OnAccepted() = 0;
  virtual void OnLog(const LogLine& line) = 0;
  virtual void OnEnd(const ProcessEnd& end) = 0;
};

class Process {
 public:
  // `observer` must outlive the Process. Fails only when the program cannot be executed; then the observer hears
  // nothing.
  static absl::StatusOr<std::unique_ptr<Process>> Start(const Package& package, const ProcessOptions& options,
                                                        ProcessObserver* observer);
  // Kills what still runs and waits for OnEnd. Never waits for the plugin's goodwill.
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return process_->pid(); }
  const std::string& launch_id() const { return launch_id_; }

  // How to speak to a plugin that was accepted, once.
  Connection TakeConnection();
  // The plugin sees the end of file and knows that it is to go.
  void CloseControl();
  bool Signal(int signal) { return process_->Signal(signal); }
  // From here on the end is `end`, whatever the exit code says.
  void ExplainEnd(ProcessEnd end);
  // SIGKILL, with its reason.
  void Kill(ProcessEnd end);

 private:
  class Greeting;

  Process(const Package& package, ProcessOptions options, ProcessObserver* observer);
  absl::Status Launch();
  void Watch();
  void Greet(Greeting* greeting);
  bool ReadLines(base::FileDescriptor* pipe, LineReader* reader, bool is_error_stream);
  void CheckDeadlines(const Greeting& greeting);
  int PollTimeout(const Greeting& greeting) const;
  ProcessEnd Bury();

  const Package package_;
  const ProcessOptions options_;
  ProcessObserver* const observer_;
  const std::string launch_id_;
  std::unique_ptr<ListenPlace> listen_;  // Null: not offered.
  std::unique_ptr<base::Subprocess> process_;
  base::FileDescriptor output_, errors_;
  absl::Duration kill_at_ = absl::InfiniteDuration();  // The watching thread's.

  absl::Mutex mutex_;
  base::FileDescriptor control_ ABSL_GUARDED_BY(mutex_);
  Connection connection_ ABSL_GUARDED_BY(mutex_);
  ProcessEnd explained_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace sluice::plugin

#endif  // SLUICE_HOST_PLUGIN_PROCESS_H_
