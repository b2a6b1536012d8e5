#include "host/cli/client.h"

#include <google/protobuf/util/json_util.h>

#include <iostream>
#include <limits>

#include "absl/strings/str_cat.h"

namespace sluice::cli {

Client::Client(const Options& options) : options_(options) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(std::numeric_limits<int>::max());
  channel_ =
      grpc::CreateCustomChannel(absl::StrCat("unix:", options.socket), grpc::InsecureChannelCredentials(), arguments);
}

int Client::Fail(const grpc::Status& status) const {
  if (status.error_code() == grpc::StatusCode::UNAVAILABLE && channel_->GetState(false) != GRPC_CHANNEL_READY) {
    std::cerr << "sluice: no host answers on " << options_.socket
              << "; start it with: sluiced --config FOLDER, or name its socket with --socket\n";
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
