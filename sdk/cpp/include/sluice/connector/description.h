// Description: what a connector is, what can be set, and which objects it knows. Given by `static Description
// Describe()`; needs no network and no settings. Plain values with chained setters; the runtime turns them into the
// contract's ConfigSchema and Schema.
#ifndef SLUICE_CONNECTOR_DESCRIPTION_H_
#define SLUICE_CONNECTOR_DESCRIPTION_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "sluice/connector/text.h"
#include "sluice/connector/value.h"

namespace sluice::connector {

// Numbers of these enumerations are those of the contract (configuration.proto).
enum class Privacy { kPublic = 1, kInternal = 2, kSensitive = 3, kSpecial = 4 };
enum class Effect { kNextCall = 1, kReopen = 2, kRestart = 3 };
enum class Idempotency { kNative = 1, kReadBeforeWrite = 2, kNone = 3 };
enum class Action {
  kRead = 1,
  kCreate = 2,
  kUpdate = 3,
  kEnable = 4,
  kDisable = 5,
  kDelete = 6,
  kRestore = 7,
  kGrant = 8,
  kRevoke = 9,
  kSetCredential = 10,
};
std::string_view ActionName(Action action);  // "CREATE".

// One thing that an operator can set in a system's file.
class Setting {
 public:
  enum class Type {
    kText = 1,
    kInteger = 2,
    kFlag = 3,
    kChoice = 4,
    kDuration = 5,
    kUrl = 6,
    kDate = 7,
    kFile = 8,
    kCertificate = 9,
    kList = 10,
    kObject = 11
  };
  struct Option {
    Value value;
    std::string label;
  };

  static Setting Text(AnyText name) { return Setting(Type::kText, name); }
  // A text that the host hands over in the open request only and shows to nobody.
  static Setting Secret(AnyText name) {
    Setting setting(Type::kText, name);
    setting.is_secret = true;
    return setting;
  }
  static Setting Integer(AnyText name) { return Setting(Type::kInteger, name); }
  static Setting Flag(AnyText name) { return Setting(Type::kFlag, name); }
  static Setting Choice(AnyText name, std::vector<std::string> values = {}) {
    Setting setting(Type::kChoice, name);
    for (auto& value : values) setting.choices.push_back(Option{Value(value), value});
    return setting;
  }
  static Setting Duration(AnyText name) { return Setting(Type::kDuration, name); }  // "30s", "15m", "7d".
  static Setting Url(AnyText name) { return Setting(Type::kUrl, name); }
  static Setting Date(AnyText name) { return Setting(Type::kDate, name); }
  static Setting File(AnyText name) { return Setting(Type::kFile, name); }
  static Setting Certificate(AnyText name) { return Setting(Type::kCertificate, name); }  // PEM.
  // A list of texts, or of objects if fields are given.
  static Setting List(AnyText name, std::vector<Setting> fields = {}) {
    Setting setting(Type::kList, name);
    setting.fields = std::move(fields);
    return setting;
  }
  static Setting Object(AnyText name, std::vector<Setting> fields) {
    Setting setting(Type::kObject, name);
    setting.fields = std::move(fields);
    return setting;
  }

  Setting& Label(AnyText text) {
    return Change([&] { label = text.str(); });
  }
  Setting& Help(AnyText text) {
    return Change([&] { help = text.str(); });
  }
  Setting& Group(AnyText text) {
    return Change([&] { group = text.str(); });
  }
  Setting& Required() {
    return Change([&] { required = true; });
  }
  Setting& Default(Value value) {
    return Change([&] { default_value = std::move(value); });
  }
  Setting& Pattern(AnyText re2) {
    return Change([&] { pattern = re2.str(); });
  }
  Setting& Min(int64_t value) {
    return Change([&] { min = value; });
  }
  Setting& Max(int64_t value) {
    return Change([&] { max = value; });
  }
  Setting& Takes(Effect value) {
    return Change([&] { effect = value; });
  }
  Setting& Deprecated(AnyText instead) {
    return Change([&] { deprecated = instead.str(); });
  }
  // The address that this value opens: "{value}:443".
  Setting& Egress(AnyText address) {
    return Change([&] { egress = address.str(); });
  }
  // Asked for only while `field` has one of these values.
  Setting& When(AnyText field, std::vector<Value> values) {
    return Change([&] {
      when_field = field.str();
      when_values = std::move(values);
    });
  }

  Type type;
  std::string name;
  std::string label;
  std::string help;
  std::string group;
  bool required = false;
  bool is_secret = false;
  Value default_value;
  std::string pattern;
  std::optional<int64_t> min;
  std::optional<int64_t> max;
  Effect effect = Effect::kReopen;
  std::string deprecated;
  std::string egress;
  std::string when_field;
  std::vector<Value> when_values;
  std::vector<Option> choices;
  std::vector<Setting> fields;

 private:
  Setting(Type type, AnyText name) : type(type), name(name.str()) {}
  template <typename F>
  Setting& Change(F change) {
    change();
    return *this;
  }
};

// One attribute of a class. Readable unless said otherwise; written only after Writable, CreateOnly or UpdateOnly.
class Attribute {
 public:
  enum class Type {
    kText = 1,
    kInteger = 2,
    kNumber = 3,
    kFlag = 4,
    kData = 5,
    kDate = 6,
    kTime = 7,
    kReference = 8,
    kStruct = 9,
    kSecret = 10
  };

  static Attribute Text(AnyText name) { return Attribute(Type::kText, name); }
  static Attribute Integer(AnyText name) { return Attribute(Type::kInteger, name); }
  static Attribute Number(AnyText name) { return Attribute(Type::kNumber, name); }
  static Attribute Flag(AnyText name) { return Attribute(Type::kFlag, name); }
  static Attribute Data(AnyText name) { return Attribute(Type::kData, name); }
  static Attribute Date(AnyText name) { return Attribute(Type::kDate, name); }
  static Attribute Time(AnyText name) { return Attribute(Type::kTime, name); }
  static Attribute Reference(AnyText name, AnyText object_class) {
    Attribute attribute(Type::kReference, name);
    attribute.reference_class = object_class.str();
    return attribute;
  }
  static Attribute Struct(AnyText name, std::vector<Attribute> fields) {
    Attribute attribute(Type::kStruct, name);
    attribute.attributes = std::move(fields);
    return attribute;
  }
  // A password and the like: written, never read.
  static Attribute Secret(AnyText name) {
    Attribute attribute(Type::kSecret, name);
    attribute.readable = false;
    attribute.creatable = attribute.updatable = true;
    return attribute;
  }

  Attribute& Is(Privacy value) {
    return Change([&] { privacy = value; });
  }
  Attribute& Multi() {
    return Change([&] { multi_valued = true; });
  }
  Attribute& Ordered() {
    return Change([&] { multi_valued = ordered = true; });
  }
  Attribute& Required() {
    return Change([&] { required = true; });
  }
  // Domain of uniqueness: "mail" may span classes and attributes.
  Attribute& UniqueIn(AnyText domain) {
    return Change([&] { unique_in = domain.str(); });
  }
  Attribute& MaxLength(uint32_t characters) {
    return Change([&] { max_length = characters; });
  }
  Attribute& AllowedCharacters(AnyText re2) {
    return Change([&] { allowed_characters = re2.str(); });
  }  // Of the whole value.
  Attribute& Allowed(std::vector<Value> values) {
    return Change([&] { allowed = std::move(values); });
  }
  Attribute& CaseInsensitive() {
    return Change([&] { case_insensitive = true; });
  }
  Attribute& Writable() {
    return Change([&] { creatable = updatable = true; });
  }
  Attribute& CreateOnly() {
    return Change([&] { creatable = true, updatable = false; });
  }
  Attribute& UpdateOnly() {
    return Change([&] { creatable = false, updatable = true; });
  }
  Attribute& WriteOnly() {
    return Change([&] { readable = false, creatable = updatable = true; });
  }
  // Changes by itself (last sign-in): makes no version of an object.
  Attribute& Volatile() {
    return Change([&] { is_volatile = true; });
  }

  Type type;
  std::string name;
  Privacy privacy = Privacy::kInternal;
  bool multi_valued = false;
  bool ordered = false;
  bool required = false;
  bool readable = true;
  bool creatable = false;
  bool updatable = false;
  bool case_insensitive = false;
  bool is_volatile = false;
  std::string label;        // What people call it.
  std::string description;  // One line: what it is.
  std::string unique_in;
  uint32_t max_length = 0;
  std::string allowed_characters;
  std::vector<Value> allowed;
  std::string reference_class;
  std::vector<Attribute> attributes;

 private:
  Attribute(Type type, AnyText name) : type(type), name(name.str()) {}
  template <typename F>
  Attribute& Change(F change) {
    change();
    return *this;
  }
};

// Who may hold what a relation gives: subjects whose attributes have one of these values, all of the conditions at
// once.
struct Holder {
  struct Condition {
    std::string attribute;
    std::vector<Value> values;  // None: any value at all.
  };
  std::string name;         // "staff"
  std::string description;  // One line for people.
  std::vector<Condition> conditions;
};

// Who holds what, in a class of relations. What an attribute of the object says holds for that object; where it says
// nothing, what stands here.
struct Relation {
  std::string subject_class;
  std::string subject_attribute;
  std::string object_class;
  std::string object_attribute;
  bool grantable = false;  // Membership of it is what GRANT and REVOKE change.
  bool exclusive = false;  // A subject has one at a time.
  std::vector<Attribute> parameters;
  std::string inherited_attribute;       // True on rows that come from somewhere else and cannot be revoked here.
  std::string through_attribute = {};    // Of a row: the objects that it is inherited from.
  std::string description = {};          // One line for who decides: "is a member, and may do what the group may".
  std::vector<Holder> holders = {};      // None: every subject.
  std::string holders_attribute = {};    // Of the object: the names of those holders that may hold it.
  std::string exclusive_attribute = {};  // Of the object: of those with the same value a subject holds one.
  std::string fixed_attribute = {};      // Of the object: the system itself decides who holds it.
};

struct PasswordPolicy {
  uint32_t min_length = 0;
  uint32_t max_length = 0;
  uint32_t min_character_kinds = 0;
  bool no_name_parts = false;
};

// How objects of a class are written.
struct Writing {
  Idempotency idempotency = Idempotency::kReadBeforeWrite;
  bool full_state = false;       // A write needs every mapped attribute, not only what differs.
  bool creates_enabled = false;  // An account cannot be created disabled.
  bool joins = false;            // Operations on one object may be under way together (members of a group).
  uint32_t max_in_flight =
      1;  // Operations without an answer; also the threads on which a blocking Apply runs (at most 32).
  uint32_t batch_size = 1;                                 // Operations that ApplyBatch takes at once.
  absl::Duration visibility_delay = absl::ZeroDuration();  // How long a write may stay invisible to a read.
};

class ObjectClass {
 public:
  enum class Role {
    kPerson = 1,
    kContract = 2,
    kDepartment = 3,
    kAccount = 4,
    kPermission = 5,
    kRelation = 6,
    kOther = 7
  };

  static ObjectClass Person(AnyText name) { return ObjectClass(Role::kPerson, name); }
  static ObjectClass Contract(AnyText name, AnyText owner_attribute) {
    ObjectClass object_class(Role::kContract, name);
    object_class.owner_attribute = owner_attribute.str();
    return object_class;
  }
  static ObjectClass Department(AnyText name) { return ObjectClass(Role::kDepartment, name); }
  static ObjectClass Account(AnyText name) { return ObjectClass(Role::kAccount, name); }
  static ObjectClass Permission(AnyText name) { return ObjectClass(Role::kPermission, name); }
  static ObjectClass Relation(AnyText name, connector::Relation relation) {
    ObjectClass object_class(Role::kRelation, name);
    object_class.relation = std::move(relation);
    return object_class;
  }
  static ObjectClass Other(AnyText name) { return ObjectClass(Role::kOther, name); }

  ObjectClass& With(Attribute attribute) {
    attributes.push_back(std::move(attribute));
    return *this;
  }
  // Short forms for attributes that are only read.
  ObjectClass& Text(AnyText name, Privacy privacy = Privacy::kInternal) {
    return With(Attribute::Text(name).Is(privacy));
  }
  ObjectClass& Integer(AnyText name, Privacy privacy = Privacy::kInternal) {
    return With(Attribute::Integer(name).Is(privacy));
  }
  ObjectClass& Flag(AnyText name, Privacy privacy = Privacy::kInternal) {
    return With(Attribute::Flag(name).Is(privacy));
  }
  ObjectClass& Date(AnyText name, Privacy privacy = Privacy::kInternal) {
    return With(Attribute::Date(name).Is(privacy));
  }
  ObjectClass& Time(AnyText name, Privacy privacy = Privacy::kInternal) {
    return With(Attribute::Time(name).Is(privacy));
  }
  ObjectClass& Reference(AnyText name, AnyText object_class, Privacy privacy = Privacy::kInternal) {
    return With(Attribute::Reference(name, object_class).Is(privacy));
  }
  // What can be done to it; READ is always there.
  ObjectClass& Can(std::vector<Action> more) {
    actions.insert(actions.end(), more.begin(), more.end());
    return *this;
  }
  ObjectClass& Written(Writing how) {
    writing = how;
    return *this;
  }
  ObjectClass& Passwords(PasswordPolicy policy) {
    password_policy = policy;
    return *this;
  }
  // What people call the object where its name is not it (a group's cn, not its DN).
  ObjectClass& LabelledBy(AnyText attribute) {
    label_attribute = attribute.str();
    return *this;
  }
  ObjectClass& DescribedBy(AnyText attribute) {
    description_attribute = attribute.str();
    return *this;
  }

  Role role;
  std::string name;
  std::vector<Attribute> attributes;
  std::vector<Action> actions = {Action::kRead};
  std::string owner_attribute;
  std::optional<connector::Relation> relation;
  std::optional<PasswordPolicy> password_policy;
  std::optional<Writing> writing;
  std::string label_attribute;
  std::string description_attribute;
  std::string label;        // What people call the class.
  std::string description;  // One line: what it is.

 private:
  ObjectClass(Role role, AnyText name) : role(role), name(name.str()) {}
};

class Description {
 public:
  // `name` is the manifest's name ("acme.people"), `version` its version.
  Description(AnyText name, AnyText version) : name(name.str()), version(version.str()) {}

  Description& With(Setting setting) {
    settings.push_back(std::move(setting));
    return *this;
  }
  Description& With(ObjectClass object_class) {
    classes.push_back(std::move(object_class));
    return *this;
  }
  // Of the settings; Validate brings those of an older one up to date.
  Description& SchemaVersion(uint32_t number) {
    schema_version = number;
    return *this;
  }
  // Import goes on from a cursor.
  Description& Incremental() {
    incremental_import = true;
    return *this;
  }
  // FindTaken is there.
  Description& FindsTaken() {
    find_taken = true;
    return *this;
  }

  std::string name;
  std::string version;
  uint32_t schema_version = 1;
  std::vector<Setting> settings;
  std::vector<ObjectClass> classes;
  bool incremental_import = false;
  bool find_taken = false;
};

}  // namespace sluice::connector

#endif  // SLUICE_CONNECTOR_DESCRIPTION_H_
