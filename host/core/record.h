// Raw records: what a system said about one object, untouched, and what an import as a whole said.
//
// Pure data. A record is stored once by the hash of its canonical JSON.
#ifndef SLUICE_HOST_CORE_RECORD_H_
#define SLUICE_HOST_CORE_RECORD_H_

#include <string>
#include <vector>

#include "host/core/value.h"

namespace sluice::core {

struct Record {
  std::string scope;         // Which part of the system said it; "" for a system without parts.
  std::string object_class;  // "leerling"
  std::string id;            // Never changes for the life of the object.
  std::string name;          // What people call it now; may change, may be empty.
  Fields attributes;         // What is left out is not visible.
};

enum class Completeness { kNotRead, kPartial, kComplete };

// How one class of one scope came through.
struct ClassState {
  std::string scope;
  std::string object_class;
  Completeness completeness = Completeness::kNotRead;
  int64_t records = 0;
  std::string error;  // For an operator; empty when complete.
};

// One complete reading of a system. A stream without its end never becomes one.
struct ImportedData {
  std::string system;
  std::vector<std::pair<std::string, std::string>> scopes;  // Id and label of each that was offered.
  std::vector<ClassState> states;                           // One for each offered scope and asked class.
  std::vector<Record> records;
};

}  // namespace sluice::core

#endif  // SLUICE_HOST_CORE_RECORD_H_
