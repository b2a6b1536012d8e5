#include "host/cli/client.h"

#include <google/protobuf/util/json_util.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <limits>

#include "absl/strings/str_cat.h"

namespace sluice::cli {
namespace {

constexpr char kTimeZoneKey[] = "sluice-time-zone";

// Why nobody can be spoken to at `path`, in words for whoever typed it.
std::string WhyNotReachable(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return absl::StrCat("a socket's path has at most ", sizeof address.sun_path - 1, " bytes: ", path);
  std::memcpy(address.sun_path, path.data(), path.size());
  const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool answers = connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  const int error = answers ? 0 : errno;
  close(probe);
  if (error == EACCES || error == EPERM) {
    return absl::StrCat("you may not use ", path, "; ask to be made a member of the group that owns it");
  }
  if (error == 0) return absl::StrCat("the host on ", path, " ended the conversation; look at its log, and try again");
  return absl::StrCat("no host answers on ", path,
                      "; start it with: sluiced --config FOLDER, or name its socket with --socket");
}

}  // namespace

Client::Client(const Options& options) : options_(options) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(std::numeric_limits<int>::max());
  channel_ =
      grpc::CreateCustomChannel(absl::StrCat("unix:", options.socket), grpc::InsecureChannelCredentials(), arguments);
}

void Client::TakeZone(const grpc::ClientContext& context) const {
  const auto& metadata = context.GetServerInitialMetadata();
  const auto found = metadata.find(kTimeZoneKey);
  absl::TimeZone zone;
  if (found != metadata.end() && absl::LoadTimeZone(std::string(found->second.data(), found->second.size()), &zone)) {
    zone_ = zone;
  }
}

int Client::Fail(const grpc::Status& status) const {
  if (status.error_code() == grpc::StatusCode::UNAVAILABLE && channel_->GetState(false) != GRPC_CHANNEL_READY) {
    std::cerr << "sluice: " << WhyNotReachable(options_.socket) << "\n";
    return kNotReachable;
  }
  std::cerr << "sluice: " << status.error_message() << "\n";
  return status.error_code() == grpc::StatusCode::INVALID_ARGUMENT ? kUsage : kFailed;
}

int Client::PrintJson(const google::protobuf::Message& message) const {
  google::protobuf::util::JsonPrintOptions how;
  how.add_whitespace = true;
  how.preserve_proto_field_names = true;
  how.always_print_primitive_fields = true;
  std::string text;
  if (!google::protobuf::util::MessageToJsonString(message, &text, how).ok()) {
    std::cerr << "sluice: the answer cannot be written as JSON\n";
    return kFailed;
  }
  std::cout << text;
  return kOk;
}

}  // namespace sluice::cli
