// Carries batches of operations out, in rounds that are pipelined: look up all, write all, look up again what the
// directory refused. One result an operation, whatever happens to its neighbours. Blocks; called by one thread of a
// session at a time, and safe beside others. Never writes what is already so; never resends a write whose answer was
// lost.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "plugins/active_directory/src/changes.h"
#include "plugins/active_directory/src/directory.h"
#include "sluice/connector/operation.h"
#include "sluice/connector/target.h"

namespace sluice::active_directory {

class Writer {
 public:
  explicit Writer(Directory& directory) : directory_(directory) {}

  // The results stand in the order of the operations. No two may touch one object, but for grants and revocations of
  // different memberships.
  std::vector<connector::Result> Apply(const std::vector<connector::Operation>& operations);

  // What became of operations whose results were lost: by reading only.
  std::vector<connector::Verdict> Verify(const std::vector<connector::Operation>& operations);

 private:
  struct Work {
    const connector::Operation* operation = nullptr;
    connector::Result result;
    std::vector<connector::Change> written;  // What is certain to have been written so far.
    bool done = false;
    void Finish(connector::Result with) {
      result = std::move(with);
      done = true;
    }
  };
  using Works = std::vector<Work*>;

  // create.cc
  void Create(const Works& works);
  void Correlate(const Works& works);
  absl::StatusOr<Works> Findable(Works works, const DirectorySchema& schema);
  struct Creation;
  void PrepareCreations(const Works& works, std::vector<Creation>& creations);
  void AddObjects(std::vector<Creation>& creations);
  void ReadBack(std::vector<Creation>& creations);
  void ExplainTaken(std::vector<Creation>& creations);

  // update.cc
  struct Updating;
  void Update(const Works& works);
  void UpdateRound(const Works& works, bool last);
  void PrepareUpdates(const Works& works, const std::map<std::string, Entry>& found, const DirectorySchema& schema,
                      std::vector<Updating>& updates, Works& unseen);
  void EnsureTargets(std::vector<Updating>& updates);
  void RunStep(std::vector<Updating>& updates, size_t number, bool last);
  void AcceptStep(Updating& update, const Response& response, bool is_rename, bool last);
  void ExplainTaken(std::vector<Updating>& updates);
  void Settle(Updating& update);
  void SetCredentials(const Works& works);
  void Delete(const Works& works);

  // membership.cc
  void ChangeMembers(const Works& works);
  struct Chunk;
  void SendChunks(std::vector<Chunk>& chunks);
  void AcceptChunk(Chunk& chunk, const Response& response, std::vector<Chunk>& again);
  void CheckChunk(Chunk& chunk, std::vector<Chunk>& again);
  // For each account id: there, and a member of the group.
  struct Membership {
    bool there = false;
    bool member = false;
  };
  absl::StatusOr<std::map<std::string, Membership>> ReadMembers(const std::string& group,
                                                                const std::set<std::string>& accounts,
                                                                bool& group_there);

  // verify.cc
  std::map<std::string, connector::Verdict> VerifyCreates(const std::vector<const connector::Operation*>& operations,
                                                          const DirectorySchema& schema);
  connector::Verdict VerifyOne(const connector::Operation& operation, const std::map<std::string, Entry>& found,
                               const DirectorySchema& schema);
  std::map<std::string, connector::Verdict> VerifyMembers(const std::vector<const connector::Operation*>& operations);

  // Objects that a search by id does not show: gone, or where the service account may not look any more.
  void FinishUnseen(const Works& works);

  // True (and the work is finished) when the answer is lost or was never asked for.
  static bool FinishUnanswered(Work& work, const Response& response);
  absl::Duration Timeout() const { return TimeUntil(deadline_); }

  Directory& directory_;
  absl::Time deadline_ = absl::InfiniteFuture();  // Of the batch, all its requests together: the shortest timeout.
};

// The holder of a taken value among entries, told to the host.
struct Wanted {
  std::string account_name;  // Empty: not asked for.
  std::string principal_name;
  std::string mail;
  std::optional<Dn> name;
  std::string own_id;  // Not a holder.
};
std::vector<std::string> TakenFilters(const Wanted& wanted);
void AddTaken(const Wanted& wanted, const std::vector<Entry>& entries, connector::Error& error);

}  // namespace sluice::active_directory
