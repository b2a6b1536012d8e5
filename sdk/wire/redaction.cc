#include "sdk/wire/redaction.h"

#include <memory>
#include <vector>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/text_format.h"
#include "sluice/connector/v1/options.pb.h"

namespace sluice::wire {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

bool IsSecret(const FieldDescriptor* field) { return field->options().GetExtension(connector::v1::secret); }

void Hide(const Reflection* reflection, const FieldDescriptor* field, Message* message) {
  const bool is_text = field->cpp_type() == FieldDescriptor::CPPTYPE_STRING;
  if (!is_text) {
    reflection->ClearField(message, field);
  } else if (field->is_repeated()) {
    for (int i = 0; i < reflection->FieldSize(*message, field); ++i)
      reflection->SetRepeatedString(message, field, i, "***");
  } else {
    reflection->SetString(message, field, "***");
  }
}

}  // namespace

void Redact(Message* message) {
  const Reflection* reflection = message->GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection->ListFields(*message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (IsSecret(field)) {
      Hide(reflection, field, message);
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      if (field->is_repeated()) {
        for (int i = 0; i < reflection->FieldSize(*message, field); ++i)
          Redact(reflection->MutableRepeatedMessage(message, field, i));
      } else {
        Redact(reflection->MutableMessage(message, field));
      }
    }
  }
}

std::string RedactedText(const Message& message) {
  std::unique_ptr<Message> copy(message.New());
  copy->CopyFrom(message);
  Redact(copy.get());
  google::protobuf::TextFormat::Printer printer;
  printer.SetSingleLineMode(true);
  std::string text;
  printer.PrintToString(*copy, &text);
  return text;
}

}  // namespace sluice::wire
