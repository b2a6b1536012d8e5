#include <algorithm>

#include "absl/strings/match.h"
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
    return Answer(backend_, context, [this, request, reply] { return Get(IdOf(request->name(), "blocks"), reply); });
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
      ASSIGN_OR_RETURN(const store::BlockRecord block,
                       backend_.engine->Decide(actor, IdOf(request->name(), "blocks"), is_approved));
      Fill(block, reply);
      return absl::OkStatus();
    });
  }

  absl::Status Get(const std::string& id, v1::Block* reply) {
    store::Store& store = *backend_.engine->context().store;
    ASSIGN_OR_RETURN(const auto blocks, store.LoadBlocks());
    const store::BlockRecord* found = nullptr;
    for (const store::BlockRecord& block : blocks) {
      if (!absl::StartsWith(block.id, id)) continue;
      if (found != nullptr) return absl::InvalidArgumentError(absl::StrCat("several blocks begin with ", id));
      found = &block;
    }
    if (found == nullptr)
      return absl::NotFoundError(absl::StrCat("there is no block ", id, "; see: sluice block list"));
    Fill(*found, reply);
    ASSIGN_OR_RETURN(const auto snapshot, store.LoadSnapshot());
    std::map<std::string, const core::PlannedOperation*> operations;
    core::Plan plan;
    if (const auto world = backend_.engine->CurrentWorld(); world.ok()) plan = core::MakePlan(world->input());
    for (const core::PlannedOperation& operation : plan.operations) operations[operation.id] = &operation;
    for (const std::string& item : found->ids) {
      v1::BlockItem* row = reply->add_items();
      row->set_id(item);
      if (auto operation = operations.find(item); operation != operations.end()) {
        FillPerson(*snapshot, operation->second->person_id, row);
        row->set_summary(absl::StrCat(core::OperationKindName(operation->second->kind), " ", operation->second->label,
                                      ": ", operation->second->reason.summary));
      } else if (snapshot->Find(item) != nullptr) {
        FillPerson(*snapshot, item, row);
      }
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
