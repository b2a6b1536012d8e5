#include <algorithm>
#include <atomic>

#include "absl/strings/numbers.h"
#include "absl/synchronization/mutex.h"
#include "host/api/call_internal.h"
#include "host/api/translate_internal.h"
#include "host/base/status.h"

namespace sluice::api {
namespace {

constexpr int kDefaultRows = 100;
constexpr int kBatch = 1000;
constexpr int kMostExports = 4;

// Writes the export's lines one after the other; the producer waits for each write.
// Each holds a thread of the pool for as long as its reader takes: there are few at a time.
class LineWriter final : public grpc::ServerWriteReactor<v1::ExportAuditLine> {
 public:
  LineWriter(const Backend& backend, int64_t from, std::atomic<int>* open) : open_(open) {
    if (++*open_ > kMostExports) {
      Finish({grpc::StatusCode::RESOURCE_EXHAUSTED,
              absl::StrCat(kMostExports, " exports are under way already; try again when one has ended")});
      return;
    }
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
  void OnDone() override {
    --*open_;
    delete this;
  }

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

  std::atomic<int>* const open_;
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

  grpc::ServerUnaryReactor* CheckAudit(grpc::CallbackServerContext* context, const v1::CheckAuditRequest*,
                                       v1::AuditState* reply) override {
    return Answer(backend_, context, [this, reply]() -> absl::Status {
      ASSIGN_OR_RETURN(const AuditState state, backend_.administration->Audit(/*now=*/true));
      Fill(state, reply);
      return absl::OkStatus();
    });
  }

  grpc::ServerUnaryReactor* AcceptAuditDamage(grpc::CallbackServerContext* context,
                                              const v1::AcceptAuditDamageRequest* request,
                                              v1::AuditState* reply) override {
    const engine::Actor actor = backend_.ActorOf(*context, request->reason());
    return Answer(backend_, context, [this, actor, request, reply]() -> absl::Status {
      if (request->first() < 1 || request->last() < request->first()) {
        return absl::InvalidArgumentError("rows are numbered from 1, and the first is not behind the last");
      }
      ASSIGN_OR_RETURN(const AuditState state,
                       backend_.administration->AcceptAuditDamage(actor, request->first(), request->last()));
      Fill(state, reply);
      return absl::OkStatus();
    });
  }

  grpc::ServerWriteReactor<v1::ExportAuditLine>* ExportAudit(grpc::CallbackServerContext*,
                                                             const v1::ExportAuditRequest* request) override {
    return new LineWriter(backend_, request->from(), &exports_);
  }

 private:
  // The token is the sequence number of the next row to look at: rows that are written meanwhile shift nothing.
  absl::Status List(const v1::ListAuditRowsRequest& request, v1::ListAuditRowsResponse* reply) {
    if (request.page_size() < 0) return absl::InvalidArgumentError("page_size is negative");
    int64_t next = 0;
    if (!request.page_token().empty() && (!absl::SimpleAtoi(request.page_token(), &next) || next < 1)) {
      return BadToken(request.page_token());
    }
    ASSIGN_OR_RETURN(const auto snapshot, backend_.engine->context().store->LoadSnapshot());
    std::string person = IdOf(request.person(), "persons");
    if (!person.empty()) {
      ASSIGN_OR_RETURN(const core::Person* found, engine::Engine::FindPerson(*snapshot, person));
      person = found->id;
    }
    const bool is_backward = request.newest_first();
    if (next == 0) next = 1;
    if (is_backward && request.page_token().empty()) {
      ASSIGN_OR_RETURN(next, LastSequence());
    }
    const int size = request.page_size() == 0 ? kDefaultRows : request.page_size();
    ASSIGN_OR_RETURN(const AuditState state, backend_.administration->Audit(/*now=*/false));
    int64_t before = 0;  // The row that was looked at last.
    while (next >= 1) {
      ASSIGN_OR_RETURN(const auto rows, ReadFrom(next, is_backward));
      if (rows.empty() && !is_backward) return absl::OkStatus();
      for (const store::AuditRow& row : rows) {
        const auto json = nlohmann::json::parse(row.json, nullptr, false);
        const std::string whose = PersonOf(json), damage = DamageOf(row, before, state);
        // Whom a damaged row was about nobody knows: it is everybody's.
        if (person.empty() || whose == person || !damage.empty()) {
          if (reply->rows_size() == size) {
            reply->set_next_page_token(absl::StrCat(row.sequence));
            return absl::OkStatus();
          }
          FillRow(row, json, *snapshot, whose, reply->add_rows());
          reply->mutable_rows()->rbegin()->set_damage(damage);
        }
        before = row.sequence;
        next = is_backward ? row.sequence - 1 : row.sequence + 1;
      }
      if (rows.empty()) next -= kBatch;  // All of these are missing.
    }
    return absl::OkStatus();
  }

  // The rows of a batch beginning with `next`, in the order asked for. None: there are no more, or, backward, all of
  // them are missing.
  absl::StatusOr<std::vector<store::AuditRow>> ReadFrom(int64_t next, bool is_backward) {
    store::Store& store = *backend_.engine->context().store;
    if (!is_backward) return store.LoadAudit(next, kBatch);
    const int64_t first = std::max<int64_t>(next - kBatch + 1, 1);
    ASSIGN_OR_RETURN(auto rows, store.LoadAudit(first, static_cast<int>(next - first + 1)));
    while (!rows.empty() && rows.back().sequence > next) rows.pop_back();
    std::reverse(rows.begin(), rows.end());
    return rows;
  }

  // What is wrong with a row as it is now, with what the last check found, or with what stood between it and the row
  // before it in the list.
  std::string DamageOf(const store::AuditRow& row, int64_t before, const AuditState& state) const {
    if (std::string damage = backend_.administration->AuditRowDamage(row); !damage.empty()) return damage;
    for (const AuditDamage& damage : state.damage) {
      if (damage.accepted_in == 0 && damage.first <= row.sequence && row.sequence <= damage.last) return damage.what;
    }
    const int64_t first = std::min(before, row.sequence) + 1, last = std::max(before, row.sequence) - 1;
    if (before == 0 || first > last) return "";
    return first == last ? absl::StrCat("row ", first, " is missing")
                         : absl::StrCat("rows ", first, " to ", last, " are missing");
  }

  // A few questions find the last row: there is always one behind a gap. 0: there is none.
  absl::StatusOr<int64_t> LastSequence() {
    store::Store& store = *backend_.engine->context().store;
    int64_t there = 0, beyond = 1;
    for (;; beyond *= 2) {
      ASSIGN_OR_RETURN(const auto rows, store.LoadAudit(beyond, 1));
      if (rows.empty()) break;
      there = beyond;
    }
    while (there + 1 < beyond) {
      const int64_t middle = there + (beyond - there) / 2;
      ASSIGN_OR_RETURN(const auto rows, store.LoadAudit(middle, 1));
      (rows.empty() ? beyond : there) = middle;
    }
    return there;
  }

  static std::string PersonOf(const nlohmann::json& row) {
    if (!row.is_object()) return "";
    const auto found = row.find("person");
    return found != row.end() && found->is_string() ? found->get<std::string>() : "";
  }

  static void FillRow(const store::AuditRow& row, const nlohmann::json& json, const core::Snapshot& snapshot,
                      const std::string& person, v1::AuditRow* out) {
    out->set_sequence(row.sequence);
    out->set_hash(row.hash);
    SetStruct(json, out->mutable_row());
    FillPerson(snapshot, person, out);
    for (const store::AuditRow::Personal& personal : row.personal) {
      const auto change = nlohmann::json::parse(personal.json, nullptr, false);
      if (!change.is_array() || change.size() != 3 || !change[0].is_string()) continue;
      v1::AttributeChange* line = out->add_personal();
      line->set_attribute(change[0].get<std::string>());
      const auto before = core::ValueFromJson(change[1]), after = core::ValueFromJson(change[2]);
      if (before.ok()) line->set_before(before->ToText());
      if (after.ok()) line->set_after(after->ToText());
    }
  }

  const Backend backend_;
  std::atomic<int> exports_ = 0;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeAuditService(const Backend& backend) {
  return std::make_unique<AuditService>(backend);
}

}  // namespace sluice::api
