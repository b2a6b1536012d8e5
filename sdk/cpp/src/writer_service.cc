#include "sdk/cpp/src/writer_service.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "sdk/cpp/src/apply_call.h"
#include "sdk/cpp/src/calls.h"
#include "sdk/cpp/src/convert_operations.h"
#include "sdk/cpp/src/convert_values.h"
#include "sdk/cpp/src/guard.h"
#include "sdk/cpp/src/no_writing.h"

namespace sluice::connector {
namespace {

absl::StatusOr<std::shared_ptr<OpenSystem>> FindTarget(RuntimeState* state, const std::string& id) {
  auto system = state->systems.Find(id);
  if (system.ok() && (*system)->target == nullptr) {
    return Error(Reason::kUnsupported, "SDK-0306", "this connector is a source: it writes nothing").AsStatus();
  }
  return system;
}

absl::Status RunPreview(RuntimeState* state, const v1::PreviewRequest& request, const Cancellation& cancellation,
                        v1::PreviewReply* reply) {
  const NoWriting no_writing;
  auto system = FindTarget(state, request.system());
  if (!system.ok()) return system.status();
  for (const v1::Operation& operation : request.operations()) {
    absl::StatusOr<Operation> converted = FromProto(operation);
    Result result;
    if (!converted.ok()) {
      result = Result::Failed(converted.status());
    } else {
      converted->cancellation = cancellation;
      if (auto bug = Guarded("Preview", [&] { result = (*system)->target->Preview({*std::move(converted)}); }))
        result = Result::Failed(*bug);
    }
    result.operation = operation.id();
    *reply->add_results() = ToProto(result);
  }
  return absl::OkStatus();
}

constexpr absl::Duration kLookAgain = absl::Seconds(2);

absl::Status RunVerify(RuntimeState* state, const v1::VerifyRequest& request, const Cancellation& cancellation,
                       v1::VerifyReply* reply) {
  const NoWriting no_writing;
  auto system = FindTarget(state, request.system());
  if (!system.ok()) return system.status();
  VerifyBatchRequest batch{{}, cancellation};
  std::vector<Operation>& operations = batch.operations;
  std::vector<bool> is_under_way;  // It may be written after it was read.
  for (const v1::Operation& operation : request.operations()) {
    absl::StatusOr<Operation> converted = FromProto(operation);
    if (!converted.ok()) {
      *reply->add_verdicts() = ToProto(Verdict::Unknown(Error::From(converted.status())), operation.id());
      continue;
    }
    converted->cancellation = cancellation;
    is_under_way.push_back((*system)->ledger->IsUnderWay(operation.id()));
    operations.push_back(*std::move(converted));
  }
  std::vector<Verdict> verdicts;
  if (auto bug = Guarded("Verify", [&] { verdicts = (*system)->target->VerifyBatch(batch).verdicts; })) return *bug;
  if (verdicts.size() != operations.size()) {
    return Error(
        Reason::kBug, "SDK-0314",
        absl::StrCat("VerifyBatch gave ", verdicts.size(), " verdicts for ", operations.size(), " operations"));
  }
  for (size_t i = 0; i < operations.size(); ++i) {
    if (is_under_way[i] && verdicts[i].state == Verdict::State::kNotDone) verdicts[i] = Verdict::TooEarly(kLookAgain);
    *reply->add_verdicts() = ToProto(verdicts[i], operations[i].id);
  }
  return absl::OkStatus();
}

}  // namespace

grpc::ServerUnaryReactor* WriterService::Preview(grpc::CallbackServerContext*, const v1::PreviewRequest* request,
                                                 v1::PreviewReply* reply) {
  return UnaryCall::Start(state_->workers, [this, request, reply](const Cancellation& cancellation) {
    return RunPreview(state_, *request, cancellation, reply);
  });
}

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* WriterService::Apply(grpc::CallbackServerContext*) {
  return ApplyCall::Start(state_);
}

grpc::ServerUnaryReactor* WriterService::Verify(grpc::CallbackServerContext*, const v1::VerifyRequest* request,
                                                v1::VerifyReply* reply) {
  return UnaryCall::Start(state_->workers, [this, request, reply](const Cancellation& cancellation) {
    return RunVerify(state_, *request, cancellation, reply);
  });
}

}  // namespace sluice::connector
