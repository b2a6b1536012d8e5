// Messages as gRPC's bytes and back, for calls whose messages are made and read by hand where there are many of them.
#ifndef SLUICE_SDK_CPP_SRC_MESSAGE_BYTES_H_
#define SLUICE_SDK_CPP_SRC_MESSAGE_BYTES_H_

#include <string>
#include <utility>

#include "google/protobuf/message_lite.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/proto_buffer_reader.h"

namespace sluice::connector {

// Takes the bytes over; they are not copied.
inline grpc::ByteBuffer BufferOf(std::string bytes) {
  auto* kept = new std::string(std::move(bytes));
  const grpc::Slice slice(
      kept->data(), kept->size(), [](void* string) { delete static_cast<std::string*>(string); }, kept);
  return grpc::ByteBuffer(&slice, 1);
}

inline grpc::ByteBuffer BufferOf(const google::protobuf::MessageLite& message) {
  return BufferOf(message.SerializeAsString());
}

// False when they are not such a message.
inline bool ReadMessage(grpc::ByteBuffer* bytes, google::protobuf::MessageLite* message) {
  grpc::ProtoBufferReader reader(bytes);
  return reader.status().ok() && message->ParseFromZeroCopyStream(&reader);
}

}  // namespace sluice::connector

#endif  // SLUICE_SDK_CPP_SRC_MESSAGE_BYTES_H_
