#include "host/audit/verify.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>
#include <utility>

namespace sluice_audit_verify {
namespace {

using Json = nlohmann::json;

// What is wrong with the file; thrown to the one place that turns it into a verdict.
struct Broken : std::runtime_error {
  using std::runtime_error::runtime_error;
};

[[noreturn]] void Fail(const std::string& what) { throw Broken(what); }

std::string Grouped(int64_t number) {
  std::string text = std::to_string(number);
  for (int at = static_cast<int>(text.size()) - 3; at > 0; at -= 3) text.insert(static_cast<size_t>(at), ",");
  return text;
}

std::string Count(int64_t number, const std::string& noun) {
  return Grouped(number) + " " + noun + (number == 1 ? "" : "s");
}

std::string RowName(int64_t sequence) { return "row " + Grouped(sequence); }

// --- Hexadecimal digits, base64, hashes -----------------------------------------------------------------------------

bool IsHex(const std::string& text, size_t digits) {
  return text.size() == digits && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

std::string FromHex(const std::string& text) {
  std::string bytes;
  for (size_t at = 0; at + 1 < text.size(); at += 2) {
    bytes.push_back(static_cast<char>(std::stoi(text.substr(at, 2), nullptr, 16)));
  }
  return bytes;
}

std::string Sha256(const std::string& bytes) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest, &size, EVP_sha256(), nullptr) != 1) Fail("OpenSSL has no SHA-256");
  static const char kDigits[] = "0123456789abcdef";
  std::string text;
  for (unsigned at = 0; at < size; ++at) {
    text.push_back(kDigits[digest[at] >> 4]);
    text.push_back(kDigits[digest[at] & 15]);
  }
  return text;
}

// The 64 bytes of a signature; empty when the text is not the one way to write them.
std::string SignatureFromBase64(const std::string& text) {
  if (text.size() != 88) return "";
  unsigned char bytes[66];
  if (EVP_DecodeBlock(bytes, reinterpret_cast<const unsigned char*>(text.data()), 88) != 66) return "";
  unsigned char again[89];
  EVP_EncodeBlock(again, bytes, 64);
  if (text != reinterpret_cast<const char*>(again)) return "";
  return std::string(reinterpret_cast<const char*>(bytes), 64);
}

struct Free {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  void operator()(BIO* bio) const { BIO_free(bio); }
};

bool IsSignedBy(const std::string& public_key, const std::string& text, const std::string& signature) {
  const std::unique_ptr<EVP_PKEY, Free> key(EVP_PKEY_new_raw_public_key(
      EVP_PKEY_ED25519, nullptr, reinterpret_cast<const unsigned char*>(public_key.data()), public_key.size()));
  const std::unique_ptr<EVP_MD_CTX, Free> context(EVP_MD_CTX_new());
  return key != nullptr && context != nullptr &&
         EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
         EVP_DigestVerify(context.get(), reinterpret_cast<const unsigned char*>(signature.data()), signature.size(),
                          reinterpret_cast<const unsigned char*>(text.data()), text.size()) == 1;
}

// --- Canonical JSON (RFC 8785, integers only) -----------------------------------------------------------------------

// The UTF-16 code units of well-formed UTF-8: the order of keys.
std::u16string Utf16(const std::string& text) {
  std::u16string units;
  for (size_t at = 0; at < text.size();) {
    const unsigned char lead = static_cast<unsigned char>(text[at]);
    const int length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    uint32_t point = length == 1 ? lead : lead & (0xFFu >> (length + 1));
    for (int more = 1; more < length; ++more)
      point = (point << 6) | (static_cast<unsigned char>(text[at + more]) & 63u);
    at += static_cast<size_t>(length);
    if (point < 0x10000) {
      units.push_back(static_cast<char16_t>(point));
    } else {
      units.push_back(static_cast<char16_t>(0xD800 + ((point - 0x10000) >> 10)));
      units.push_back(static_cast<char16_t>(0xDC00 + ((point - 0x10000) & 0x3FF)));
    }
  }
  return units;
}

void AppendCanonical(const Json& json, std::string& out) {
  if (json.is_object()) {
    std::vector<std::pair<std::u16string, std::string>> keys;
    for (const auto& item : json.items()) keys.emplace_back(Utf16(item.key()), item.key());
    std::sort(keys.begin(), keys.end());
    out.push_back('{');
    for (size_t at = 0; at < keys.size(); ++at) {
      if (at > 0) out.push_back(',');
      out += Json(keys[at].second).dump() + ":";
      AppendCanonical(json.at(keys[at].second), out);
    }
    out.push_back('}');
  } else if (json.is_array()) {
    out.push_back('[');
    for (size_t at = 0; at < json.size(); ++at) {
      if (at > 0) out.push_back(',');
      AppendCanonical(json[at], out);
    }
    out.push_back(']');
  } else if (json.is_number_float()) {
    Fail("a number with a fraction");
  } else {
    out += json.dump();
  }
}

std::string Canonical(const Json& json) {
  std::string out;
  AppendCanonical(json, out);
  return out;
}

// --- The lines of the file
// --------------------------------------------------------------------------------------------

bool HasKeys(const Json& json, const std::set<std::string>& keys) {
  if (!json.is_object() || json.size() != keys.size()) return false;
  return std::all_of(keys.begin(), keys.end(), [&](const std::string& key) { return json.contains(key); });
}

const std::set<std::string>& RowKeys() {
  static const std::set<std::string> keys = {
      "action", "actor", "commitments", "configuration", "detail", "entitlement", "facts",    "operation", "outcome",
      "person", "plan",  "plugin",      "reason",        "run",    "seq",         "snapshot", "system",    "time"};
  return keys;
}

// Reads lines that must be canonical JSON, one ahead.
class Lines {
 public:
  explicit Lines(std::istream& file) : file_(file) { Advance(); }
  bool AtEnd() const { return is_end_; }
  int64_t number() const { return number_; }
  // The next line, or a discarded value when it is not canonical JSON.
  const Json& Peek() const { return next_; }
  void Advance() {
    std::string text;
    is_end_ = !std::getline(file_, text);
    if (is_end_) return;
    ++number_;
    const bool is_whole = !file_.eof();  // Its line feed was there.
    next_ = Json::parse(text, nullptr, /*allow_exceptions=*/false);
    try {
      if (!is_whole || !next_.is_object() || Canonical(next_) != text) next_ = Json(Json::value_t::discarded);
    } catch (const std::exception&) {
      next_ = Json(Json::value_t::discarded);
    }
  }

 private:
  std::istream& file_;
  Json next_;
  bool is_end_ = false;
  int64_t number_ = 0;
};

struct Header {
  int64_t rows = 0;
  std::string hash;
  int64_t seals = 0;
};

struct Chain {
  std::vector<std::string> hashes;  // Of row 1, 2, ...
  int64_t last() const { return static_cast<int64_t>(hashes.size()); }
  const std::string& head() const { return hashes.back(); }
};

Header ReadHeader(Lines& lines) {
  const Json& json = lines.Peek();
  if (lines.AtEnd() || json.is_discarded() || !HasKeys(json, {"format", "head", "seals", "version"}) ||
      json["format"] != "sluice-audit" || json["version"] != 1 || !json["seals"].is_number_unsigned() ||
      !HasKeys(json["head"], {"hash", "seq"}) || !json["head"]["seq"].is_number_unsigned() ||
      !json["head"]["hash"].is_string()) {
    Fail("not an export of an audit log (version 1): its first line was changed");
  }
  Header header{json["head"]["seq"].get<int64_t>(), json["head"]["hash"].get<std::string>(),
                json["seals"].get<int64_t>()};
  lines.Advance();
  return header;
}

// Says what is wrong when the number of a row is not the next one; `after` is the number in the line that follows.
[[noreturn]] void FailNumber(int64_t expected, int64_t found, const Json& after) {
  const bool has_after = after.is_object() && after.contains("seq") && after["seq"].is_number_integer();
  if (found == expected + 1 && has_after && after["seq"] == expected) {
    Fail("rows " + Grouped(expected) + " and " + Grouped(found) + " are swapped");
  }
  if (found > expected + 1) {
    Fail("rows " + Grouped(expected) + " to " + Grouped(found - 1) + " are missing");
  }
  if (found > expected) Fail(RowName(expected) + " is missing");
  Fail(RowName(found) + " stands where row " + Grouped(expected) + " belongs");
}

void CheckPersonal(const Json& line, int64_t sequence) {
  const Json& commitments = line["row"]["commitments"];
  int64_t last = -1;
  for (const Json& value : line["personal"]) {
    if (!HasKeys(value, {"change", "index", "salt"}) || !value["index"].is_number_unsigned() ||
        !value["salt"].is_string() || !IsHex(value["salt"].get<std::string>(), 64)) {
      Fail(RowName(sequence) + ": a personal value beside it was changed");
    }
    const int64_t index = value["index"].get<int64_t>();
    if (index <= last || index >= static_cast<int64_t>(commitments.size()) ||
        commitments[static_cast<size_t>(index)] !=
            Sha256(value["salt"].get<std::string>() + Canonical(value["change"]))) {
      Fail(RowName(sequence) + ": its personal value " + std::to_string(index) +
           " was changed: it does not give its commitment");
    }
    last = index;
  }
}

void CheckRow(const Json& line, Chain& chain) {
  const int64_t sequence = chain.last() + 1;
  const std::string previous = chain.hashes.empty() ? std::string(64, '0') : chain.head();
  const Json& row = line["row"];
  if (line["prev"] != previous) {
    if (sequence == 1) Fail("row 1 was changed: the first row must follow nothing");
    Fail(RowName(sequence) + " does not follow row " + Grouped(sequence - 1) +
         ": one of the two was changed and hashed again, or what stood between them was removed");
  }
  const std::string hash = Sha256(previous + "\n" + Canonical(row));
  if (line["hash"] != hash) Fail(RowName(sequence) + " was changed: its contents do not give its hash");
  if (!HasKeys(row, RowKeys()) || row["seq"] != sequence || !row["commitments"].is_array()) {
    Fail(RowName(sequence) + " was changed: it does not hold what a row holds");
  }
  CheckPersonal(line, sequence);
  chain.hashes.push_back(hash);
}

Chain ReadRows(Lines& lines) {
  Chain chain;
  while (!lines.AtEnd()) {
    const int64_t expected = chain.last() + 1;
    if (lines.Peek().is_discarded()) {
      Fail(RowName(expected) + " was changed: line " + std::to_string(lines.number()) + " is not canonical JSON");
    }
    if (lines.Peek().contains("seal")) return chain;
    const Json line = lines.Peek();
    lines.Advance();
    if (!HasKeys(line, {"hash", "personal", "prev", "row", "seq"}) || !line["seq"].is_number_integer() ||
        !line["personal"].is_array()) {
      Fail(RowName(expected) + " was changed: its line does not hold what a row's line holds");
    }
    if (line["seq"] != expected) {
      FailNumber(expected, line["seq"].get<int64_t>(), lines.AtEnd() ? Json() : lines.Peek());
    }
    CheckRow(line, chain);
  }
  return chain;
}

struct Seal {
  int64_t sequence = 0;
  std::string hash, time, key, public_key, signature;
};

Seal ReadSeal(const Json& line, int64_t number) {
  const std::string name = "seal " + std::to_string(number);
  if (line.is_discarded() || !HasKeys(line, {"seal"}) ||
      !HasKeys(line["seal"], {"hash", "key", "public_key", "seq", "signature", "time"}) ||
      !line["seal"]["seq"].is_number_unsigned()) {
    Fail(name + " was changed: its line does not hold what a seal's line holds");
  }
  const Json& json = line["seal"];
  for (const char* key : {"hash", "key", "public_key", "signature", "time"}) {
    if (!json[key].is_string()) Fail(name + " was changed: its " + key + " is not a text");
  }
  return {json["seq"].get<int64_t>(), json["hash"], json["time"], json["key"], json["public_key"], json["signature"]};
}

void CheckSeal(const Seal& seal, const Options& options, int64_t number) {
  const std::string name = "seal " + std::to_string(number) + " (over row " + Grouped(seal.sequence) + ")";
  const std::string bytes = IsHex(seal.public_key, 64) ? FromHex(seal.public_key) : "";
  if (bytes.empty() || Sha256(bytes).substr(0, 16) != seal.key)
    Fail(name + " was changed: its key is not key " + seal.key);
  const std::string text =
      "sluice-seal-v1\n" + std::to_string(seal.sequence) + "\n" + seal.hash + "\n" + seal.time + "\n";
  const std::string signature = SignatureFromBase64(seal.signature);
  if (signature.empty() || !IsSignedBy(bytes, text, signature)) {
    Fail(name + " was changed: its signature is not by key " + seal.key);
  }
  if (!options.public_keys.empty() &&
      std::find(options.public_keys.begin(), options.public_keys.end(), bytes) == options.public_keys.end()) {
    Fail(name + " is by key " + seal.key + ", which is not the public key that was given");
  }
}

std::vector<Seal> ReadSeals(Lines& lines, const Options& options) {
  std::vector<Seal> seals;
  for (; !lines.AtEnd(); lines.Advance()) {
    const int64_t number = static_cast<int64_t>(seals.size()) + 1;
    seals.push_back(ReadSeal(lines.Peek(), number));
    CheckSeal(seals.back(), options, number);
    if (number > 1 && seals[seals.size() - 2].sequence >= seals.back().sequence) {
      Fail("seal " + std::to_string(number) + " stands in the wrong place, or twice");
    }
  }
  return seals;
}

void CheckSealsAgainstRows(const std::vector<Seal>& seals, const Chain& chain) {
  int64_t good = 0;
  for (const Seal& seal : seals) {
    if (seal.sequence > chain.last()) {
      const std::string missing = chain.last() + 1 == seal.sequence
                                      ? RowName(seal.sequence) + " is"
                                      : "rows " + Grouped(chain.last() + 1) + " to " + Grouped(seal.sequence) + " are";
      Fail(missing + " missing: a seal of " + seal.time + " covers " + RowName(seal.sequence) + " (truncated)");
    }
    if (seal.sequence < 1 || chain.hashes[static_cast<size_t>(seal.sequence - 1)] != seal.hash) {
      Fail("rows were rewritten after they were sealed: " + RowName(seal.sequence) +
           " is not the one that the seal of " + seal.time + " covers; the change is between row " + Grouped(good + 1) +
           " and row " + Grouped(seal.sequence));
    }
    good = seal.sequence;
  }
}

void CheckDemands(const Header& header, const std::vector<Seal>& seals, const Chain& chain, const Options& options) {
  if (header.rows != chain.last() || header.hash != (chain.hashes.empty() ? std::string(64, '0') : chain.head())) {
    Fail(header.rows > chain.last() ? RowName(chain.last() + 1) + " is missing: the first line names row " +
                                          Grouped(header.rows) + " as the last (truncated)"
                                    : "the first line was changed: it does not name the last row and its hash");
  }
  if (header.seals != static_cast<int64_t>(seals.size())) {
    Fail("the first line names " + Count(header.seals, "seal") + ", the file holds " + std::to_string(seals.size()) +
         ": a seal was removed or added");
  }
  if (!options.public_keys.empty() && seals.empty() && chain.last() > 0) {
    Fail("no seal: nothing shows that these rows are the ones that the key's owner saw");
  }
  if (chain.last() < options.at_least) {
    Fail(RowName(chain.last() + 1) + " is missing: the log must reach row " + Grouped(options.at_least) +
         " (an older copy, or truncated)");
  }
  if (!options.head.empty() && std::none_of(chain.hashes.begin(), chain.hashes.end(), [&](const std::string& hash) {
        return hash.compare(0, options.head.size(), options.head) == 0;
      })) {
    Fail("no row has the hash " + options.head + ": an older copy, truncated or rewritten; its last row is row " +
         Grouped(chain.last()));
  }
}

std::string Praise(const std::vector<Seal>& seals, const Chain& chain, const Options& options) {
  std::string line = Count(chain.last(), "row");
  if (chain.last() > 0) line += ", head " + chain.head();
  line += ", " + Count(static_cast<int64_t>(seals.size()), "seal");
  std::set<std::string> keys;
  for (const Seal& seal : seals) keys.insert(seal.key);
  for (auto key = keys.begin(); key != keys.end(); ++key) line += (key == keys.begin() ? " by key " : " and ") + *key;
  if (!seals.empty() && options.public_keys.empty()) line += " (as the file says)";
  if (!seals.empty() && seals.back().sequence < chain.last()) {
    line += ", the last over " + RowName(seals.back().sequence);
  }
  return line + ": unbroken";
}

}  // namespace

Verdict Verify(std::istream& file, const Options& options) {
  int64_t good = 0;
  try {
    Lines lines(file);
    const Header header = ReadHeader(lines);
    const Chain chain = ReadRows(lines);
    good = chain.last();
    const std::vector<Seal> seals = ReadSeals(lines, options);
    CheckSealsAgainstRows(seals, chain);
    CheckDemands(header, seals, chain, options);
    return {true, Praise(seals, chain, options)};
  } catch (const Broken& broken) {
    return {false, std::string("broken: ") + broken.what()};
  } catch (const std::exception& error) {
    return {false, "broken: the file could not be understood after row " + Grouped(good)};
  }
}

std::string PublicKeyFromPem(const std::string& pem) {
  const std::unique_ptr<BIO, Free> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  const std::unique_ptr<EVP_PKEY, Free> key(PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr));
  std::string bytes(32, '\0');
  size_t size = bytes.size();
  if (key == nullptr || EVP_PKEY_id(key.get()) != EVP_PKEY_ED25519 ||
      EVP_PKEY_get_raw_public_key(key.get(), reinterpret_cast<unsigned char*>(bytes.data()), &size) != 1) {
    return "";
  }
  return bytes;
}

}  // namespace sluice_audit_verify
