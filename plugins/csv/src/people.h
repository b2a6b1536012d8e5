// People: who is in the files, with the lines of each, and the records that they are.
//
// A line that cannot be read holds back its person, whose record then says nothing (NOT_VISIBLE), so that nothing of it
// ends. A line of which it is not certain whose it is makes the classes that it may be of PARTIAL: nobody leaves. One
// import, one thread; holds places in the files, not their text.
#ifndef PLUGINS_CSV_SRC_PEOPLE_H_
#define PLUGINS_CSV_SRC_PEOPLE_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "plugins/csv/src/table.h"
#include "sluice/connector/source.h"

namespace sluice::csv {

class People {
 public:
  // `contract_lines` null: the lines of `people` are the contracts, if there are any.
  People(const Options& options, const connector::ImportRequest& request, const Table& people,
         const Table* contract_lines, connector::RecordWriter& out)
      : options_(options), request_(request), people_(people), contract_lines_(contract_lines), out_(out) {}

  // Reads the lines of both. Fails where a file is not whole or holds nobody, or most of its lines cannot be read.
  absl::Status Collect();
  // Writes everybody, and the states of both classes.
  absl::Status Write();

 private:
  struct Line {
    size_t begin = 0;
    size_t number = 0;
  };
  struct Person {
    std::vector<Line> lines;
    std::vector<Line> contract_lines;  // Of the other file.
    bool is_known = false;             // By a line of the file with people, be it a bad one.
    bool is_unreadable = false;
  };
  struct Unknown {  // Lines of which it is not certain whose they are.
    size_t count = 0;
    size_t first = 0;
    const char* problem = nullptr;
  };
  struct Contract {
    std::string id;
    Row row;
  };

  absl::Status Collect(const Table& table, const FileOptions& options, bool is_contract_file, Unknown& unknown);
  connector::Value ValueAt(const Table& table, const FileOptions& options, const Row& row, const std::string& column);
  connector::Record PersonRecord(const std::string& id, const Person& person);
  std::vector<Contract> ContractsOf(const std::string& id, Person& person);
  std::string ContractId(const Table& table, const Row& row, const std::string& id) const;
  absl::Status WriteContracts(const std::string& id, const std::vector<Contract>& contracts);
  absl::Status Finish(const char* object_class, const Unknown& unknown, const FileOptions& options);
  void Tell(const char* code, const FileOptions& options, size_t line, const std::string& summary);

  const Options& options_;
  const connector::ImportRequest& request_;
  const Table& people_;
  const Table* const contract_lines_;
  connector::RecordWriter& out_;
  std::map<std::string, Person> persons_;
  Unknown unknown_people_, unknown_contracts_;
  size_t told_ = 0;
};

}  // namespace sluice::csv

#endif  // PLUGINS_CSV_SRC_PEOPLE_H_
