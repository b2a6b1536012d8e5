#include "host/core/template.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "host/base/nearest.h"
#include "host/base/status.h"
#include "host/core/template_functions.h"
#include "host/core/text.h"

namespace sluice::core {
namespace {

struct Call {
  const TemplateFunction* function = nullptr;
  std::vector<TemplateArgument> arguments;
};

struct Piece {
  std::string literal;  // When path is empty.
  std::string path;
  std::vector<Call> calls;
};

absl::Status ErrorAt(size_t offset, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("at ", offset, ": ", what));
}

// Reads one template; holds the text and where it is.
class Parser {
 public:
  explicit Parser(absl::string_view text) : text_(text) {}

  absl::StatusOr<std::vector<Piece>> Parse() {
    std::vector<Piece> pieces;
    std::string literal;
    auto flush = [&] {
      if (!literal.empty()) pieces.push_back({literal, "", {}});
      literal.clear();
    };
    while (!AtEnd()) {
      char c = text_[at_];
      if ((c == '{' || c == '}') && at_ + 1 < text_.size() && text_[at_ + 1] == c) {
        literal += c;
        at_ += 2;
      } else if (c == '}') {
        return ErrorAt(at_, "\"}\" without \"{\"; a brace itself is written \"}}\"");
      } else if (c == '{') {
        flush();
        ASSIGN_OR_RETURN(Piece piece, ParsePlaceholder());
        pieces.push_back(std::move(piece));
      } else {
        literal += c;
        ++at_;
      }
    }
    flush();
    return pieces;
  }

 private:
  bool AtEnd() const { return at_ >= text_.size(); }
  bool Sees(char c) const { return !AtEnd() && text_[at_] == c; }
  void SkipBlanks() {
    while (!AtEnd() && absl::ascii_isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
  }

  absl::StatusOr<Piece> ParsePlaceholder() {
    size_t start = at_++;
    Piece piece;
    SkipBlanks();
    ASSIGN_OR_RETURN(piece.path, ParsePath());
    for (;;) {
      SkipBlanks();
      if (AtEnd()) return ErrorAt(start, "\"{\" is never closed");
      if (Sees('}')) {
        ++at_;
        return piece;
      }
      if (!Sees('|')) return ErrorAt(at_, absl::StrCat("\"", NextCharacter(), "\" where \"|\" or \"}\" must stand"));
      ++at_;
      ASSIGN_OR_RETURN(Call call, ParseCall());
      piece.calls.push_back(std::move(call));
    }
  }

  std::string NextCharacter() const { return Left(text_.substr(at_), 1); }

  static bool IsPathCharacter(char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-' || c == '.' ||
           static_cast<unsigned char>(c) >= 0x80;
  }

  absl::StatusOr<std::string> ParsePath() {
    size_t start = at_;
    while (!AtEnd() && IsPathCharacter(text_[at_])) ++at_;
    absl::string_view path = text_.substr(start, at_ - start);
    if (path.empty()) return ErrorAt(start, "a field must stand here, such as person.name.nick");
    if (path.front() == '.' || path.back() == '.' || path.find("..") != absl::string_view::npos) {
      return ErrorAt(start, absl::StrCat("\"", path, "\" is no field: a part between full stops is missing"));
    }
    return std::string(path);
  }

  absl::StatusOr<Call> ParseCall() {
    SkipBlanks();
    size_t start = at_;
    while (!AtEnd() && (absl::ascii_isalnum(static_cast<unsigned char>(text_[at_])) || text_[at_] == '_')) ++at_;
    std::string name(text_.substr(start, at_ - start));
    if (name.empty()) return ErrorAt(start, "the name of a function must stand behind \"|\"");
    Call call;
    call.function = FindTemplateFunction(name);
    if (call.function == nullptr) return UnknownFunction(start, name);
    SkipBlanks();
    if (Sees('(')) {
      ++at_;
      RETURN_IF_ERROR(ParseArguments(*call.function, call.arguments));
    }
    RETURN_IF_ERROR(CheckCount(start, call));
    return call;
  }

  static absl::Status UnknownFunction(size_t offset, const std::string& name) {
    std::vector<std::string> names;
    for (const TemplateFunction& function : TemplateFunctions()) names.emplace_back(function.name);
    std::string nearest = base::Nearest(name, names);
    return ErrorAt(offset, absl::StrCat("unknown function \"", name, "\"",
                                        nearest.empty() ? "; `sluice config schema --reference` lists them"
                                                        : absl::StrCat("; did you mean \"", nearest, "\"?")));
  }

  // The kind letter of argument `index` and whether more follow.
  static char KindOf(const TemplateFunction& function, size_t index) {
    std::string letters;
    for (char c : function.arguments) {
      if (c == '?') continue;
      if (c == '*') return index < letters.size() ? letters[index] : letters.back();
      letters += c;
    }
    return index < letters.size() ? letters[index] : '\0';
  }

  static absl::Status CheckCount(size_t offset, const Call& call) {
    absl::string_view spec = call.function->arguments;
    size_t most = 0;
    size_t least = 0;
    bool is_open = false;
    for (char c : spec) {
      if (c == '*') {
        is_open = true;
      } else if (c == '?') {
        --least;
      } else {
        ++most;
        ++least;
      }
    }
    size_t given = call.arguments.size();
    if (given >= least && (is_open || given <= most)) return absl::OkStatus();
    return ErrorAt(offset, absl::StrCat("\"", call.function->name, "\" is written ", call.function->usage));
  }

  absl::Status ParseArguments(const TemplateFunction& function, std::vector<TemplateArgument>& arguments) {
    size_t open = at_ - 1;
    SkipBlanks();
    if (Sees(')')) {
      ++at_;
      return absl::OkStatus();
    }
    for (;;) {
      TemplateArgument argument;
      RETURN_IF_ERROR(ParseArgument(function, KindOf(function, arguments.size()), argument));
      arguments.push_back(std::move(argument));
      if (AtEnd()) return ErrorAt(open, "\"(\" is never closed");
      if (text_[at_++] == ')') return absl::OkStatus();
    }
  }

  absl::Status ParseArgument(const TemplateFunction& function, char kind, TemplateArgument& argument) {
    SkipBlanks();
    size_t start = at_;
    if (kind == 'k') {
      ASSIGN_OR_RETURN(argument.key, ParseWord("=,)"));
      if (!Sees('=')) return ErrorAt(start, absl::StrCat("\"", function.name, "\" is written ", function.usage));
      ++at_;
    }
    ASSIGN_OR_RETURN(argument.text, ParseWord(",)"));
    if (kind == 'n' || kind == 'c') {
      std::optional<int64_t> number = ParseInteger(argument.text);
      bool fits = number && *number >= (kind == 'c' ? 0 : -100000) && *number <= 100000;
      if (!fits) {
        return ErrorAt(start, absl::StrCat("\"", argument.text, "\" is no ", kind == 'c' ? "count" : "number", "; \"",
                                           function.name, "\" is written ", function.usage));
      }
      argument.number = *number;
    }
    if (kind == 'p' &&
        (argument.text.empty() || !std::all_of(argument.text.begin(), argument.text.end(), IsPathCharacter))) {
      return ErrorAt(start, absl::StrCat("\"", argument.text, "\" is no field; \"", function.name, "\" is written ",
                                         function.usage));
    }
    return absl::OkStatus();
  }

  // A quoted text, or what stands up to one of `ends` without blanks around it. Stops at that character.
  absl::StatusOr<std::string> ParseWord(absl::string_view ends) {
    SkipBlanks();
    size_t start = at_;
    if (Sees('\'') || Sees('"')) {
      char quote = text_[at_++];
      size_t close = text_.find(quote, at_);
      if (close == absl::string_view::npos) return ErrorAt(start, "a quote is never closed");
      std::string word(text_.substr(at_, close - at_));
      at_ = close + 1;
      SkipBlanks();
      if (!AtEnd() && ends.find(text_[at_]) == absl::string_view::npos) {
        return ErrorAt(at_, absl::StrCat("\"", NextCharacter(), "\" behind a closing quote"));
      }
      return word;
    }
    while (!AtEnd() && ends.find(text_[at_]) == absl::string_view::npos) {
      if (text_[at_] == '}' || text_[at_] == '{') return ErrorAt(start, "a \")\" is missing, or a brace has no quotes");
      ++at_;
    }
    return std::string(absl::StripAsciiWhitespace(text_.substr(start, at_ - start)));
  }

  absl::string_view text_;
  size_t at_ = 0;
};

// Text that a placeholder adds to other text; false: it is not all known.
bool AppendText(const Value& value, std::string& out) {
  if (!value.is_visible() || value.kind() == Value::Kind::kPartialList) return false;
  if (value.is_list()) {
    for (const Value& item : value.list()) {
      if (!item.is_visible()) return false;
    }
  }
  out += value.ToText();
  return true;
}

// What a cut or an empty field leaves behind: a text has no blank at its ends, nor two in a row.
std::string WithoutLooseBlanks(std::string text) {
  if (text.empty() || (text.front() != ' ' && text.back() != ' ' && text.find("  ") == std::string::npos)) return text;
  std::string kept;
  for (char c : text) {
    if (c != ' ' || (!kept.empty() && kept.back() != ' ')) kept += c;
  }
  if (!kept.empty() && kept.back() == ' ') kept.pop_back();
  return kept;
}

}  // namespace

struct Template::Parsed {
  std::string text;
  std::vector<Piece> pieces;
  std::vector<std::string> paths;
  bool uses_counter = false;
  bool is_constant = false;
  Value constant;

  Value EvaluatePiece(const Piece& piece, Lookup lookup) const {
    Value value = lookup(piece.path);
    for (const Call& call : piece.calls) {
      if (call.function->apply != nullptr) {
        value = ApplyTemplateFunction(*call.function, value, call.arguments);
      } else if (value.is_empty()) {
        value = lookup(call.arguments[0].text);
      }
    }
    return value;
  }

  static bool Counts(const Piece& piece) {
    return piece.path == "n" || std::any_of(piece.calls.begin(), piece.calls.end(), [](const Call& call) {
             return call.function->apply == nullptr && call.arguments[0].text == "n";
           });
  }

  void AddPath(const std::string& path) {
    if (path == "n") {
      uses_counter = true;
    } else if (std::find(paths.begin(), paths.end(), path) == paths.end()) {
      paths.push_back(path);
    }
  }
};

absl::StatusOr<Template> Template::Parse(absl::string_view text) {
  auto parsed = std::make_shared<Parsed>();
  parsed->text = std::string(text);
  ASSIGN_OR_RETURN(parsed->pieces, Parser(text).Parse());
  for (const Piece& piece : parsed->pieces) {
    if (piece.path.empty()) continue;
    parsed->AddPath(piece.path);
    for (const Call& call : piece.calls) {
      if (call.function->apply == nullptr) parsed->AddPath(call.arguments[0].text);
    }
  }
  Template made;
  made.parsed_ = std::move(parsed);
  return made;
}

Template Template::Constant(Value value) {
  auto parsed = std::make_shared<Parsed>();
  parsed->text = value.ToText();
  parsed->is_constant = true;
  parsed->constant = std::move(value);
  Template made;
  made.parsed_ = std::move(parsed);
  return made;
}

Value Template::Evaluate(Lookup lookup) const {
  if (parsed_ == nullptr) return Value::Empty();
  if (parsed_->is_constant) return parsed_->constant;
  const std::vector<Piece>& pieces = parsed_->pieces;
  if (pieces.size() == 1 && !pieces[0].path.empty()) {
    Value value = parsed_->EvaluatePiece(pieces[0], lookup);
    if (value.kind() != Value::Kind::kText) return value;
    std::string text = WithoutLooseBlanks(value.text());
    return text.empty() ? Value::Empty() : Value::Text(std::move(text));
  }
  std::string out;
  bool is_known = true;
  for (const Piece& piece : pieces) {
    if (piece.path.empty()) {
      out += piece.literal;
    } else if (!AppendText(parsed_->EvaluatePiece(piece, lookup), out)) {
      is_known = false;
    }
  }
  if (!is_known) return Value::NotVisible();
  if (!parsed_->paths.empty() || parsed_->uses_counter) out = WithoutLooseBlanks(std::move(out));
  return out.empty() ? Value::Empty() : Value::Text(out);
}

Template Template::WithKnown(Lookup lookup) const {
  if (!uses_counter() || parsed_->pieces.size() == 1) return *this;
  auto known = std::make_shared<Parsed>(*parsed_);
  for (Piece& piece : known->pieces) {
    if (piece.path.empty() || Parsed::Counts(piece)) continue;
    std::string text;
    if (!AppendText(parsed_->EvaluatePiece(piece, lookup), text)) return Constant(Value::NotVisible());
    piece = Piece();
    piece.literal = std::move(text);
  }
  Template made;
  made.parsed_ = std::move(known);
  return made;
}

const std::string& Template::text() const {
  static const std::string* nothing = new std::string;
  return parsed_ == nullptr ? *nothing : parsed_->text;
}

const std::vector<std::string>& Template::paths() const {
  static const auto* none = new std::vector<std::string>;
  return parsed_ == nullptr ? *none : parsed_->paths;
}

bool Template::uses_counter() const { return parsed_ != nullptr && parsed_->uses_counter; }

}  // namespace sluice::core
