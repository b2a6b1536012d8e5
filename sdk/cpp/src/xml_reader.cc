#include "sluice/connector/xml_reader.h"

#include <expat.h>

#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "sluice/connector/error.h"

namespace sluice::connector {
namespace {

constexpr std::size_t kChunkBytes = 64u << 10;

std::string LocalName(const XML_Char* name) {
  const std::string_view text(name);
  const std::size_t colon = text.rfind(':');
  return std::string(colon == std::string_view::npos ? text : text.substr(colon + 1));
}

void Trim(XmlElement& element) { element.text = std::string(absl::StripAsciiWhitespace(element.text)); }

}  // namespace

// Builds elements out of the parser's events.
class XmlEvents {
 public:
  explicit XmlEvents(XmlReader& reader) : reader_(reader), parser_(XML_ParserCreate(nullptr), &XML_ParserFree) {
    XML_SetUserData(parser_.get(), this);
    XML_SetElementHandler(parser_.get(), &XmlEvents::OnStart, &XmlEvents::OnEnd);
    XML_SetCharacterDataHandler(parser_.get(), &XmlEvents::OnText);
    XML_SetStartDoctypeDeclHandler(parser_.get(), &XmlEvents::OnDocumentType);
  }

  absl::Status Read(ByteSource& source) {
    while (true) {
      void* buffer = XML_GetBuffer(parser_.get(), static_cast<int>(kChunkBytes));
      if (buffer == nullptr) return Error(Reason::kBug, "SDK-0605", "there is no memory for reading XML");
      absl::StatusOr<std::size_t> count = source.Read(static_cast<char*>(buffer), kChunkBytes);
      if (!count.ok()) return count.status();
      const XML_Status status = XML_ParseBuffer(parser_.get(), static_cast<int>(*count), *count == 0);
      if (!error_.ok()) return error_;
      if (status != XML_STATUS_OK) {
        return Error(
            Reason::kTransient, "SDK-0606",
            absl::StrCat("the answer is not XML or was broken off, in line ", XML_GetCurrentLineNumber(parser_.get()),
                         ": ", XML_ErrorString(XML_GetErrorCode(parser_.get()))));
      }
      if (*count == 0) return absl::OkStatus();
    }
  }

 private:
  static void OnStart(void* self, const XML_Char* name, const XML_Char** attributes) {
    static_cast<XmlEvents*>(self)->Start(name, attributes);
  }
  static void OnEnd(void* self, const XML_Char*) { static_cast<XmlEvents*>(self)->End(); }
  static void OnText(void* self, const XML_Char* text, int size) {
    static_cast<XmlEvents*>(self)->Text(text, static_cast<std::size_t>(size));
  }
  static void OnDocumentType(void* self, const XML_Char*, const XML_Char*, const XML_Char*, int) {
    static_cast<XmlEvents*>(self)->Stop(
        Error(Reason::kInvalid, "SDK-0607", "the answer has a document type, which is not taken"));
  }

  void Stop(absl::Status why) {
    if (error_.ok()) error_ = std::move(why);
    XML_StopParser(parser_.get(), XML_FALSE);
  }

  const XmlReader::OnElement* Wanted() const {
    for (const auto& [path, on_element] : reader_.wanted_) {
      if (path_ == path || absl::EndsWith(path_, absl::StrCat("/", path))) return &on_element;
    }
    return nullptr;
  }

  bool Count(std::size_t bytes) {
    bytes_ += bytes;
    if (bytes_ <= reader_.limits_.max_item_bytes) return true;
    Stop(Error(Reason::kInvalid, "SDK-0604",
               absl::StrCat("an element is longer than ", reader_.limits_.max_item_bytes, " bytes")));
    return false;
  }

  void Start(const XML_Char* name, const XML_Char** attributes) {
    if (!error_.ok()) return;
    std::string local = LocalName(name);
    lengths_.push_back(path_.size());
    absl::StrAppend(&path_, "/", local);
    if (lengths_.size() > reader_.limits_.max_depth) {
      Stop(Error(Reason::kInvalid, "SDK-0603",
                 absl::StrCat("the answer is nested more than ", reader_.limits_.max_depth, " deep")));
      return;
    }
    if (open_.empty()) {
      on_element_ = Wanted();
      if (on_element_ == nullptr) return;
      bytes_ = 0;
    }
    XmlElement element;
    std::size_t bytes = local.size() + sizeof(XmlElement);
    element.name = std::move(local);
    for (; *attributes != nullptr; attributes += 2) {
      std::string& value = element.attributes[LocalName(attributes[0])];
      value = attributes[1];
      bytes += value.size() + sizeof(value);
    }
    if (Count(bytes)) open_.push_back(std::move(element));
  }

  void Text(const XML_Char* text, std::size_t size) {
    if (error_.ok() && !open_.empty() && Count(size)) open_.back().text.append(text, size);
  }

  void End() {
    if (!error_.ok()) return;
    path_.resize(lengths_.back());
    lengths_.pop_back();
    if (open_.empty()) return;
    XmlElement element = std::move(open_.back());
    open_.pop_back();
    Trim(element);
    if (!open_.empty()) {
      open_.back().children.push_back(std::move(element));
      return;
    }
    ++reader_.elements_read_;
    if (absl::Status status = (*on_element_)(element); !status.ok()) Stop(std::move(status));
  }

  XmlReader& reader_;
  const std::unique_ptr<XML_ParserStruct, decltype(&XML_ParserFree)> parser_;
  std::string path_;
  std::vector<std::size_t> lengths_;  // Of path_, before each open element.
  std::vector<XmlElement> open_;      // The element at hand and those in it that are open.
  const XmlReader::OnElement* on_element_ = nullptr;
  std::size_t bytes_ = 0;
  absl::Status error_;
};

const XmlElement* XmlElement::Find(AnyText path) const {
  const std::string_view text = path.view();
  const std::size_t slash = text.find('/');
  for (const XmlElement& child : children) {
    if (child.name != text.substr(0, slash)) continue;
    if (slash == std::string_view::npos) return &child;
    if (const XmlElement* found = child.Find(text.substr(slash + 1))) return found;
  }
  return nullptr;
}

std::string XmlElement::TextAt(AnyText path) const {
  const XmlElement* found = Find(path);
  return found == nullptr ? "" : found->text;
}

absl::Status XmlReader::Read(ByteSource& source) { return XmlEvents(*this).Read(source); }

absl::Status XmlReader::Read(AnyText whole) {
  TextSource source(whole.str());
  return Read(source);
}

}  // namespace sluice::connector
