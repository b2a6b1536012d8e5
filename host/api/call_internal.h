// How a service answers: on the engine's pool, as whoever is at the other end of the socket.
#ifndef SLUICE_HOST_API_CALL_INTERNAL_H_
#define SLUICE_HOST_API_CALL_INTERNAL_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "host/api/administration.h"
#include "host/api/peers.h"
#include "host/engine/engine.h"
#include "sluice/management/v1/management.grpc.pb.h"

namespace sluice::api {

struct Backend {
  engine::Engine* engine = nullptr;
  Administration* administration = nullptr;
  const Peers* peers = nullptr;

  engine::Actor ActorOf(const grpc::CallbackServerContext& context, const std::string& reason = "") const {
    return {peers->NameOf(context.peer()), reason};
  }
};

inline grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  return {static_cast<grpc::StatusCode>(status.code()), std::string(status.message())};
}

// The school's time zone, in every answer's initial metadata: who shows times shows them as the school has them.
inline constexpr char kTimeZoneKey[] = "sluice-time-zone";

// `handler` returns an absl::Status; it may take its time.
template <typename Handler>
grpc::ServerUnaryReactor* Answer(const Backend& backend, grpc::CallbackServerContext* context, Handler handler) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  context->AddInitialMetadata(kTimeZoneKey, backend.engine->context().configuration()->time_zone_name);
  backend.engine->context().post(
      [reactor, handler = std::move(handler)]() mutable { reactor->Finish(ToGrpc(handler())); });
  return reactor;
}

// One page of `items` as (first, last, next token). Tokens are offsets: lists are short and change rarely.
struct Page {
  size_t from = 0, to = 0;
  std::string next_token;
};
absl::Status BadToken(const std::string& token);
absl::StatusOr<Page> PageOf(size_t size, int page_size, const std::string& token);

// "systems/ad" or "ad" -> "ad".
std::string IdOf(const std::string& name, absl::string_view collection);
// The same of a name that must be there: INVALID_ARGUMENT when it is empty, so that nothing is the beginning of
// everything.
absl::StatusOr<std::string> RequiredId(const std::string& name, absl::string_view collection);

// Fewer letters than that are a slip of the hand more often than a shortened id.
inline constexpr size_t kShortestId = 4;

// The one of `items` whose id is `id` or begins with it; `noun` is what one is called ("block"). INVALID_ARGUMENT:
// several, or shorter than kShortestId. NOT_FOUND: none. `id_of` gives an item's id.
template <typename Items, typename IdOfItem>
absl::StatusOr<const typename Items::value_type*> FindByPrefix(const Items& items, const std::string& id,
                                                               const std::string& noun, IdOfItem id_of) {
  const typename Items::value_type* found = nullptr;
  int count = 0;
  for (const auto& item : items) {
    if (id_of(item) == id) return &item;
    if (!absl::StartsWith(id_of(item), id)) continue;
    found = &item;
    ++count;
  }
  if (id.size() < kShortestId) {
    return absl::InvalidArgumentError(absl::StrCat("\"", id, "\" is too short for the id of a ", noun,
                                                   "; give at least ", kShortestId, " characters of it"));
  }
  if (count == 1) return found;
  if (count == 0)
    return absl::NotFoundError(absl::StrCat("there is no ", noun, " ", id, "; see: sluice ", noun, " list"));
  return absl::InvalidArgumentError(absl::StrCat(count, " ", noun, "s begin with ", id, "; give more of the id"));
}

std::unique_ptr<grpc::Service> MakeHostService(const Backend& backend);
std::unique_ptr<grpc::Service> MakeConfigurationService(const Backend& backend);
std::unique_ptr<grpc::Service> MakeSystemService(const Backend& backend);
std::unique_ptr<grpc::Service> MakePersonService(const Backend& backend);
std::unique_ptr<grpc::Service> MakeRuleService(const Backend& backend);
std::unique_ptr<grpc::Service> MakePlanService(const Backend& backend);
std::unique_ptr<grpc::Service> MakeRunService(const Backend& backend);
std::unique_ptr<grpc::Service> MakeBlockService(const Backend& backend);
std::unique_ptr<grpc::Service> MakePluginService(const Backend& backend);
std::unique_ptr<grpc::Service> MakeCredentialService(const Backend& backend);
std::unique_ptr<grpc::Service> MakeAuditService(const Backend& backend);

}  // namespace sluice::api

#endif  // SLUICE_HOST_API_CALL_INTERNAL_H_
