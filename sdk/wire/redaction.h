// Redaction: every message that may reach a log goes through here. Fields marked (sluice.connector.v1.secret), at any
// depth, in maps and in lists, come out as "***"; their length is not told. Pure; any thread.
#ifndef SLUICE_SDK_WIRE_REDACTION_H_
#define SLUICE_SDK_WIRE_REDACTION_H_

#include <string>

#include "google/protobuf/message.h"

namespace sluice::wire {

// Overwrites the secrets in `message`.
void Redact(google::protobuf::Message* message);
// One line of text format, without secrets.
std::string RedactedText(const google::protobuf::Message& message);

}  // namespace sluice::wire

#endif  // SLUICE_SDK_WIRE_REDACTION_H_
