// Operations as a host would send them, and as no host would: objects of the suite's own, changed and removed again.
//
// `Bench` makes operations for the classes that can be written, with names that begin with the configuration's prefix,
// and deletes at its end every object that it made; it never touches another one. One check, one thread.
#ifndef SLUICE_TESTS_CONFORMANCE_WRITING_H_
#define SLUICE_TESTS_CONFORMANCE_WRITING_H_

#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/conformance/run.h"

namespace sluice::conformance {

struct ApplyLog {
  grpc::Status status;
  std::vector<connector::v1::OperationResult> results;  // In the order in which they came.
  bool was_cut_off = false;                             // By us: too late.

  const connector::v1::OperationResult* Of(const std::string& operation) const;
};

struct ApplyOptions {
  absl::Duration patience = absl::Seconds(20);
  std::function<void()> after_send;  // Called once all is sent.
  bool with_oddities = false;        // Sends also a flush, a cancel of an unknown operation, and an empty request.
};
ApplyLog Apply(Launched& launched, const std::vector<connector::v1::Operation>& operations,
               const ApplyOptions& options = {});
// The one result of one operation; without an outcome if there was none.
connector::v1::OperationResult ApplyOne(Launched& launched, const connector::v1::Operation& operation);

std::string Text(const connector::v1::OperationResult& result);  // "FAILED NOT_FOUND ..."
bool FailedWith(const connector::v1::OperationResult& result, connector::v1::Reason reason);

class Bench {
 public:
  explicit Bench(Run* run) : run_(run) {}
  ~Bench();

  // The class of accounts that can be created; a status that says why there is none.
  absl::StatusOr<const connector::v1::ObjectClass*> Account();
  // The relation that GRANT changes, and the class of its objects that can be created.
  absl::StatusOr<const connector::v1::ObjectClass*> Relation();

  connector::v1::Operation Create(const connector::v1::ObjectClass& c);
  connector::v1::Operation Update(const connector::v1::ObjectClass& c, const std::string& id);
  connector::v1::Operation Make(connector::v1::Action action, const std::string& object_class, const std::string& id);
  connector::v1::Operation Grant(const connector::v1::ObjectClass& relation, bool grant, const std::string& account,
                                 const std::string& group);
  std::string Unique();  // A text of nine digits that nothing else has.
  // What a CREATE of this class was answered, when it was APPLIED; the object is removed in the end. The status names
  // TGT-002.
  absl::StatusOr<connector::v1::OperationResult> Created(Launched& launched, const connector::v1::ObjectClass& c,
                                                         const connector::v1::Operation& create);
  // Creates one with Writing(); the status names TGT-002.
  absl::StatusOr<std::string> New(const connector::v1::ObjectClass& c);
  // What was made beside it, to be removed in the end.
  void Made(const std::string& object_class, const std::string& id) { made_.insert({object_class, id}); }

  // A text attribute that is unique and was given by this CREATE; empty names when there is none.
  std::pair<std::string, std::string> UniqueOf(const connector::v1::ObjectClass& c,
                                               const connector::v1::Operation& create);
  // The ids of the objects that have this text in this attribute, by an import of the class.
  absl::StatusOr<std::set<std::string>> With(Launched& launched, const std::string& object_class,
                                             const std::pair<std::string, std::string>& value);
  // The object's attributes by Read; nothing if it is not there.
  absl::StatusOr<std::map<std::string, connector::v1::Value>> Look(Launched& launched,
                                                                   const connector::v1::ObjectClass& c,
                                                                   const std::string& id, bool* is_there);

  static bool Can(const connector::v1::ObjectClass& c, connector::v1::Action action);

 private:
  connector::v1::Value Filled(const connector::v1::Value& value);

  Run* const run_;
  uint64_t number_ = 0;
  std::set<ObjectKey> made_;
};

// Whether the value is what was asked for, as a system may write it (case where the schema says so).
bool IsSame(const connector::v1::Attribute& attribute, const connector::v1::Value& a, const connector::v1::Value& b);
const connector::v1::Attribute* FindAttribute(const connector::v1::ObjectClass& c, const std::string& name);

}  // namespace sluice::conformance

#endif  // SLUICE_TESTS_CONFORMANCE_WRITING_H_
