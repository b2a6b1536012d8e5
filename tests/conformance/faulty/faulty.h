// The parts of the faulty connector: the one switch, its system, its model of objects.
//
// It speaks the raw contract, without the SDK, and keeps every promise but the one that its switch names: the part of
// the program's name after "faulty-" is the id of the check that must fail ("faulty-SRC-003"; without one, nothing is
// wrong). Its system is a table of keys and JSON behind a TCP socket (store.cc says how it is spoken to; the twin that
// serves it is in score.py). One file a service; the blocking server of gRPC calls from any thread.
#ifndef SLUICE_TESTS_CONFORMANCE_FAULTY_FAULTY_H_
#define SLUICE_TESTS_CONFORMANCE_FAULTY_FAULTY_H_

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"
#include "sluice/connector/v1/configuration.grpc.pb.h"
#include "sluice/connector/v1/plugin.grpc.pb.h"
#include "sluice/connector/v1/reader.grpc.pb.h"
#include "sluice/connector/v1/writer.grpc.pb.h"

namespace sluice::faulty {

namespace v1 = connector::v1;
using nlohmann::json;

// Whether this is what shall be wrong.
bool Is(const char* check);
void SetFault(std::string check);
// A log line, as log.h of the SDK writes it.
void Log(const std::string& message);

// How a request to the system went.
enum class Reached {
  kYes,
  kNot,
  kLost,    // It was sent, and the answer did not come.
  kDenied,  // The system says that we may not.
};

class Store {
 public:
  explicit Store(std::string address = "", int timeout_ms = 5000)
      : address_(std::move(address)), timeout_ms_(timeout_ms) {}
  void Limit() { is_limited_ = true; }  // To what somebody with few rights may see.
  Reached Scan(const std::string& prefix, std::map<std::string, json>* found) const;
  Reached Set(const std::string& key, const json& value) const;
  Reached Delete(const std::string& key) const;

 private:
  Reached Ask(const std::string& line, std::string* answer) const;
  std::string address_;
  int timeout_ms_;
  bool is_limited_ = false;
};

// One open system.
struct System {
  Store store;
  std::string server, token;
  int64_t pages = 0;
  bool read_only = true;
  std::map<std::string, std::pair<std::string, v1::OperationResult>> ledger;  // By operation: payload and result.
};

// What all services share.
struct State {
  std::mutex mutex;
  std::map<std::string, System> systems;
  std::atomic<bool> is_draining{false}, was_opened{false}, is_dirty{false};
  std::atomic<int> imports{0}, applies{0}, counter{0};
  std::atomic<bool> was_unreachable{false};
};
State& Shared();

grpc::Status Fail(v1::Reason reason, const std::string& code, const std::string& summary);
v1::Error MakeError(v1::Reason reason, const std::string& code, const std::string& summary);
// A copy of the system, or INVALID.
grpc::Status Find(const std::string& name, System* system);

v1::GetSchemaReply ObjectSchema();
const std::vector<std::string>& AttributesOf(const std::string& object_class);
bool IsClass(const std::string& object_class);

// One object as the contract has it.
struct Object {
  std::string object_class, id, name;
  std::map<std::string, v1::Value> values;
};
// Every object of a class, in order of keys; person and contract in their scopes, all else in "north".
Reached List(const Store& store, const std::string& object_class, const std::string& scope,
             std::vector<Object>* objects);
v1::RecordBatch Batch(const std::vector<Object>& objects, size_t first, size_t count,
                      const std::vector<std::string>& attributes);

class ReaderService final : public v1::Reader::Service {
  grpc::Status Import(grpc::ServerContext*, const v1::ImportRequest*, grpc::ServerWriter<v1::ImportFrame>*) override;
  grpc::Status Read(grpc::ServerContext*, const v1::ReadRequest*, grpc::ServerWriter<v1::ReadFrame>*) override;
  grpc::Status FindTaken(grpc::ServerContext*, const v1::FindTakenRequest*, v1::FindTakenReply*) override;
};

class WriterService final : public v1::Writer::Service {
  grpc::Status Preview(grpc::ServerContext*, const v1::PreviewRequest*, v1::PreviewReply*) override;
  grpc::Status Apply(grpc::ServerContext*, grpc::ServerReaderWriter<v1::ApplyReply, v1::ApplyRequest>*) override;
  grpc::Status Verify(grpc::ServerContext*, const v1::VerifyRequest*, v1::VerifyReply*) override;
};

}  // namespace sluice::faulty

#endif  // SLUICE_TESTS_CONFORMANCE_FAULTY_FAULTY_H_
