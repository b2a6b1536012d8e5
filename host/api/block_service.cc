#include <algorithm>
#include <map>
#include <memory>

#include "host/api/call_internal.h"
#include "host/api/translate_internal.h"
#include "host/base/status.h"

namespace sluice::api {
namespace {

class BlockService final : public v1::Blocks::CallbackService {
 public:
  explicit BlockService(const Backend& backend) : backend_(backend) {}

  grpc::ServerUnaryReactor* ListBlocks(grpc::CallbackServerContext* context, const v1::ListBlocksRequest* request,
                                       v1::ListBlocksResponse* reply) override {
    return Answer(backend_, context, [this, request, reply]() -> absl::Status {
      ASSIGN_OR_RETURN(auto blocks, backend_.engine->context().store->LoadBlocks());
      if (!request->with_decided()) {
        blocks.erase(
            std::remove_if(blocks.begin(), blocks.end(), [](const auto& block) { return block.state != "waiting"; }),
            blocks.end());
      }
      ASSIGN_OR_RETURN(const Page page, PageOf(blocks.size(), request->page_size(), request->page_token()));
      for (size_t i = page.from; i < page.to; ++i) Fill(blocks[i], reply->add_blocks());
      reply->set_next_page_token(page.next_token);
      return absl::OkStatus();
    });
  }

  grpc::ServerUnaryReactor* GetBlock(grpc::CallbackServerContext* context, const v1::GetBlockRequest* request,
                                     v1::Block* reply) override {
    return Answer(backend_, context, [this, request, reply] { return Get(*request, reply); });
  }

  grpc::ServerUnaryReactor* ApproveBlock(grpc::CallbackServerContext* context, const v1::DecideBlockRequest* request,
                                         v1::Block* reply) override {
    return Decide(context, request, reply, true);
  }
  grpc::ServerUnaryReactor* RejectBlock(grpc::CallbackServerContext* context, const v1::DecideBlockRequest* request,
                                        v1::Block* reply) override {
    return Decide(context, request, reply, false);
  }

 private:
  grpc::ServerUnaryReactor* Decide(grpc::CallbackServerContext* context, const v1::DecideBlockRequest* request,
                                   v1::Block* reply, bool is_approved) {
    const engine::Actor actor = backend_.ActorOf(*context, request->reason());
    return Answer(backend_, context, [this, actor, request, reply, is_approved]() -> absl::Status {
      ASSIGN_OR_RETURN(const std::string id, RequiredId(request->name(), "blocks"));
      ASSIGN_OR_RETURN(const store::BlockRecord block, backend_.engine->Decide(actor, id, is_approved));
      Fill(block, reply);
      return absl::OkStatus();
    });
  }

  absl::Status Get(const v1::GetBlockRequest& request, v1::Block* reply) {
    ASSIGN_OR_RETURN(const std::string id, RequiredId(request.name(), "blocks"));
    ASSIGN_OR_RETURN(const auto blocks, backend_.engine->context().store->LoadBlocks());
    ASSIGN_OR_RETURN(const store::BlockRecord* found,
                     FindByPrefix(blocks, id, "block", [](const auto& one) { return one.id; }));
    Fill(*found, reply);
    const core::SystemSpec* spec = backend_.engine->context().configuration()->FindSystem(found->system);
    if (spec == nullptr) return absl::OkStatus();  // Of the host itself: the verdict says all there is to say.
    return spec->is_source ? AddPeople(*found, reply) : AddOperations(*found, reply);
  }

  // Of a target: the operations that wait, as the plan has them now.
  absl::Status AddOperations(const store::BlockRecord& block, v1::Block* reply) {
    ASSIGN_OR_RETURN(const auto snapshot, backend_.engine->context().store->LoadSnapshot());
    std::map<std::string, const core::PlannedOperation*> operations;
    core::Plan plan;
    if (const auto world = backend_.engine->CurrentWorld(); world.ok()) plan = core::MakePlan(world->input());
    for (const core::PlannedOperation& operation : plan.operations) operations[operation.id] = &operation;
    for (const std::string& item : block.ids) {
      v1::BlockItem* row = reply->add_items();
      row->set_id(item);
      auto found = operations.find(item);
      if (found == operations.end()) {
        row->set_summary("no longer part of the plan");
        continue;
      }
      const core::PlannedOperation& operation = *found->second;
      FillPerson(*snapshot, operation.person_id, row);
      row->set_summary(absl::StrCat(core::OperationKindName(operation.kind), " ", operation.label));
      if (!operation.reason.summary.empty())
        row->set_summary(absl::StrCat(row->summary(), ": ", operation.reason.summary));
    }
    return absl::OkStatus();
  }

  // Of a source: the people whom its waiting reading would add, end or change.
  absl::Status AddPeople(const store::BlockRecord& block, v1::Block* reply) {
    store::Store& store = *backend_.engine->context().store;
    ASSIGN_OR_RETURN(const auto snapshot, store.LoadSnapshot());
    std::shared_ptr<const core::Snapshot> next;
    if (const auto raw = store.LoadRawSet(block.system, /*candidate=*/true); raw.ok()) {
      const absl::CivilDay today = backend_.engine->calendar().Today();
      const auto configuration = backend_.engine->context().configuration();
      ASSIGN_OR_RETURN(const engine::Candidate candidate,
                       backend_.engine->snapshots().Make(*configuration, block.system, *raw, today));
      next = std::make_shared<const core::Snapshot>(candidate.snapshot);
    }
    for (const std::string& item : block.ids) {
      v1::BlockItem* row = reply->add_items();
      row->set_id(item);
      const core::Person* before = snapshot->Find(item);
      const core::Person* after = next == nullptr ? nullptr : next->Find(item);
      if (before == nullptr && after == nullptr) continue;  // Not a person: a scope that lost half of what it held.
      FillPerson(before != nullptr ? *snapshot : *next, item, row);
      if (next == nullptr) continue;
      row->set_summary(before == nullptr                       ? "new"
                       : after == nullptr || after->last_seen  ? "gone"
                       : before->last_seen                     ? "back"
                       : after->held_back != before->held_back ? "held back"
                                                               : "changed");
    }
    return absl::OkStatus();
  }

  const Backend backend_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeBlockService(const Backend& backend) {
  return std::make_unique<BlockService>(backend);
}

}  // namespace sluice::api
