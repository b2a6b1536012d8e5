#include <set>

#include "host/api/call_internal.h"
#include "host/api/translate_internal.h"
#include "host/base/status.h"

namespace sluice::api {
namespace {

class CredentialService final : public v1::Credentials::CallbackService {
 public:
  explicit CredentialService(const Backend& backend) : backend_(backend) {}

  grpc::ServerUnaryReactor* HandOutCredentials(grpc::CallbackServerContext* context,
                                               const v1::HandOutCredentialsRequest* request,
                                               v1::HandOutCredentialsResponse* reply) override {
    const engine::Actor actor = backend_.ActorOf(*context, request->reason());
    return Answer(backend_, context, [this, actor, request, reply]() -> absl::Status {
      ASSIGN_OR_RETURN(const auto credentials, backend_.engine->HandOut(actor, IdOf(request->person(), "persons")));
      ASSIGN_OR_RETURN(const auto snapshot, backend_.engine->context().store->LoadSnapshot());
      for (const engine::Engine::Credential& credential : credentials) {
        v1::Credential* row = reply->add_credentials();
        FillPerson(*snapshot, credential.person_id, row);
        row->set_system(credential.system);
        row->set_login(credential.login);
        row->set_secret(credential.secret);
      }
      return absl::OkStatus();
    });
  }

  grpc::ServerUnaryReactor* ListCredentials(grpc::CallbackServerContext* context,
                                            const v1::ListCredentialsRequest* request,
                                            v1::ListCredentialsResponse* reply) override {
    return Answer(backend_, context, [this, request, reply]() -> absl::Status {
      store::Store& store = *backend_.engine->context().store;
      ASSIGN_OR_RETURN(const auto secrets, store.LoadSecrets(""));
      ASSIGN_OR_RETURN(const auto snapshot, store.LoadSnapshot());
      std::set<std::pair<std::string, std::string>> waiting;
      for (const store::SealedSecret& secret : secrets) {
        if (secret.is_confirmed && !secret.handed_out) waiting.insert({secret.person_id, secret.system});
      }
      ASSIGN_OR_RETURN(const Page page, PageOf(waiting.size(), request->page_size(), request->page_token()));
      size_t index = 0;
      for (const auto& [person, system] : waiting) {
        if (index >= page.from && index < page.to) {
          v1::Credential* row = reply->add_credentials();
          FillPerson(*snapshot, person, row);
          row->set_system(system);
        }
        ++index;
      }
      reply->set_next_page_token(page.next_token);
      return absl::OkStatus();
    });
  }

 private:
  const Backend backend_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeCredentialService(const Backend& backend) {
  return std::make_unique<CredentialService>(backend);
}

}  // namespace sluice::api
