// XmlReader: reads a long XML document one element after the other, in constant memory: only the element at hand. Takes
// no document type, so no entities of its own and nothing from outside; refuses what is nested too deeply and an
// element that is too large, and never quotes what it read. For one thread; used once.
//
//   XmlReader reader;
//   reader.Each("Employee", [&](const XmlElement& row) { return out.Add(ToRecord(row)); })
//       .Each("Body/Fault", [&](const XmlElement& fault) { return ErrorOfFault(fault); });
//   if (absl::Status status = reader.Read(*stream->body); !status.ok()) return status;
#ifndef SLUICE_CONNECTOR_XML_READER_H_
#define SLUICE_CONNECTOR_XML_READER_H_

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "sluice/connector/byte_source.h"
#include "sluice/connector/json_reader.h"
#include "sluice/connector/text.h"

namespace sluice::connector {

// Names come without their prefix.
struct XmlElement {
  std::string name;
  std::map<std::string, std::string> attributes;
  std::string text;  // All of its own text, white space at both ends left out.
  std::vector<XmlElement> children;

  // The first element at a path of names joined by '/', or null.
  const XmlElement* Find(AnyText path) const;
  // Its text; empty if there is none. An element that is there and empty tells apart: Find.
  std::string TextAt(AnyText path) const;
};

class XmlReader {
 public:
  // Gets each element, with all that is in it. A failure ends the reading and is given back as it is.
  using OnElement = std::function<absl::Status(const XmlElement& element)>;

  explicit XmlReader(ReadLimits limits = {}) : limits_(limits) {}

  // `path`: the names of the last elements down to it, joined by '/' ("Row", "Employees/Row").
  XmlReader& Each(AnyText path, OnElement on_element) {
    wanted_.emplace_back(path.str(), std::move(on_element));
    return *this;
  }

  // TRANSIENT if the document breaks off or is not XML; INVALID with a document type or beyond the limits; else what
  // the source says. UTF-8, UTF-16, ISO-8859-1 and ASCII are understood.
  absl::Status Read(ByteSource& source);
  absl::Status Read(AnyText whole);
  // How many elements were given.
  int64_t elements_read() const { return elements_read_; }

 private:
  friend class XmlEvents;
  const ReadLimits limits_;
  std::vector<std::pair<std::string, OnElement>> wanted_;
  int64_t elements_read_ = 0;
};

}  // namespace sluice::connector

#endif  // SLUICE_CONNECTOR_XML_READER_H_
