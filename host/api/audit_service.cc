#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/synchronization/mutex.h"
#include "host/api/call_internal.h"
#include "host/api/translate_internal.h"
#include "host/base/status.h"

namespace sluice::api {
namespace {

constexpr int kDefaultRows = 100;

// Writes the export's lines one after the other; the producer waits for each write.
class LineWriter final : public grpc::ServerWriteReactor<v1::ExportAuditLine> {
 public:
  LineWriter(const Backend& backend, int64_t from) {
    backend.engine->context().post([this, backend, from] {
      absl::Status status =
          backend.administration->ExportAudit(from, [this](const std::string& line) { return Write(line); });
      Finish(ToGrpc(status));
    });
  }
  void OnWriteDone(bool ok) override {
    absl::MutexLock lock(&mutex_);
    is_writing_ = false;
    is_broken_ |= !ok;
  }
  void OnCancel() override {
    absl::MutexLock lock(&mutex_);
    is_broken_ = true;
  }
  void OnDone() override { delete this; }

 private:
  bool Write(const std::string& line) {
    {
      absl::MutexLock lock(&mutex_);
      if (is_broken_) return false;
      is_writing_ = true;
    }
    message_.set_line(line);
    StartWrite(&message_);
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(
        +[](LineWriter* self) { return !self->is_writing_; }, this));
    return !is_broken_;
  }

  absl::Mutex mutex_;
  bool is_writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_broken_ ABSL_GUARDED_BY(mutex_) = false;
  v1::ExportAuditLine message_;
};

class AuditService final : public v1::Audit::CallbackService {
 public:
  explicit AuditService(const Backend& backend) : backend_(backend) {}

  grpc::ServerUnaryReactor* ListAuditRows(grpc::CallbackServerContext* context, const v1::ListAuditRowsRequest* request,
                                          v1::ListAuditRowsResponse* reply) override {
    return Answer(backend_, context, [this, request, reply] { return List(*request, reply); });
  }

  grpc::ServerWriteReactor<v1::ExportAuditLine>* ExportAudit(grpc::CallbackServerContext*,
                                                             const v1::ExportAuditRequest* request) override {
    return new LineWriter(backend_, request->from());
  }

 private:
  absl::Status List(const v1::ListAuditRowsRequest& request, v1::ListAuditRowsResponse* reply) {
    int64_t from = 1;
    if (!request.page_token().empty() && !absl::SimpleAtoi(request.page_token(), &from)) {
      return absl::InvalidArgumentError("page_token is not one that this list gave");
    }
    std::string person = IdOf(request.person(), "persons");
    if (!person.empty()) {
      ASSIGN_OR_RETURN(const auto snapshot, backend_.engine->context().store->LoadSnapshot());
      ASSIGN_OR_RETURN(const core::Person* found, engine::Engine::FindPerson(*snapshot, person));
      person = found->id;
    }
    const int size = request.page_size() == 0 ? kDefaultRows : request.page_size();
    while (reply->rows_size() < size) {
      ASSIGN_OR_RETURN(const auto rows, backend_.engine->context().store->LoadAudit(from, 1000));
      for (const store::AuditRow& row : rows) {
        from = row.sequence + 1;
        const auto json = nlohmann::json::parse(row.json, nullptr, false);
        if (!person.empty() && (!json.is_object() || json.value("person", json.value("person_id", "")) != person))
          continue;
        FillRow(row, json, reply->add_rows());
        if (reply->rows_size() == size) break;
      }
      if (rows.empty()) return absl::OkStatus();
    }
    reply->set_next_page_token(absl::StrCat(from));
    return absl::OkStatus();
  }

  static void FillRow(const store::AuditRow& row, const nlohmann::json& json, v1::AuditRow* out) {
    out->set_sequence(row.sequence);
    out->set_hash(row.hash);
    SetStruct(json, out->mutable_row());
    for (const store::AuditRow::Personal& personal : row.personal) {
      const auto change = nlohmann::json::parse(personal.json, nullptr, false);
      if (!change.is_array() || change.size() != 3) continue;
      v1::AttributeChange* line = out->add_personal();
      line->set_attribute(change[0].get<std::string>());
      const auto before = core::ValueFromJson(change[1]), after = core::ValueFromJson(change[2]);
      if (before.ok()) line->set_before(before->ToText());
      if (after.ok()) line->set_after(after->ToText());
    }
  }

  const Backend backend_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeAuditService(const Backend& backend) {
  return std::make_unique<AuditService>(backend);
}

}  // namespace sluice::api
