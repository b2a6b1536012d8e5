#include "plugins/active_directory/src/describe.h"

#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "plugins/active_directory/src/changes.h"

namespace sluice::active_directory {

using connector::Action;
using connector::Attribute;
using connector::Description;
using connector::ObjectClass;
using connector::PasswordPolicy;
using connector::Privacy;
using connector::Setting;
using connector::Writing;

namespace {

constexpr char kAccountNames[] = "account_name";  // Users, groups and computers share one set of names.
constexpr char kPrincipalNames[] = "upn";
constexpr char kMailAddresses[] = "mail";  // The directory would take one twice; nothing that reads them would.

Writing Written(bool joins) {
  Writing writing;
  writing.idempotency = connector::Idempotency::kReadBeforeWrite;
  writing.joins = joins;
  writing.max_in_flight = 500;
  writing.batch_size = 500;
  return writing;
}

Attribute AccountName(bool group) {
  return Attribute::Text("sAMAccountName")
      .Writable()
      .UniqueIn(kAccountNames)
      .CaseInsensitive()
      .MaxLength(group ? kLongestGroupName : kLongestAccountName)
      .AllowedCharacters(group ? kGroupNamePattern : kAccountNamePattern)
      .Is(Privacy::kSensitive);
}

Attribute PrincipalName() {
  return Attribute::Text("userPrincipalName")
      .Writable()
      .UniqueIn(kPrincipalNames)
      .CaseInsensitive()
      .MaxLength(1024)
      .Is(Privacy::kSensitive);
}

Attribute Mail(Privacy privacy) {
  return Attribute::Text("mail").Writable().UniqueIn(kMailAddresses).CaseInsensitive().MaxLength(256).Is(privacy);
}

// Attributes that no schema has.
ObjectClass AccountFrame() {
  return ObjectClass::Account(kAccount)
      .Can({Action::kCreate, Action::kUpdate, Action::kEnable, Action::kDisable, Action::kDelete,
            Action::kSetCredential, Action::kGrant, Action::kRevoke})
      .Written(Written(false))
      .LabelledBy("sAMAccountName")
      .DescribedBy("description")
      .With(Attribute::Text(kCn).Writable().Required().MaxLength(kLongestCn).Is(Privacy::kSensitive))
      .With(Attribute::Text(kParent).Writable().Required().CaseInsensitive())
      .With(Attribute::Flag(kEnabled))
      .With(Attribute::Secret(kInitialPassword).CreateOnly())
      .With(AccountName(false))
      .With(PrincipalName())
      .With(Mail(Privacy::kSensitive));
}

ObjectClass GroupFrame() {
  return ObjectClass::Permission(kGroup)
      .Can({Action::kCreate, Action::kUpdate, Action::kDelete})
      .Written(Written(true))
      .LabelledBy(kCn)
      .DescribedBy("description")
      .With(Attribute::Text(kCn).Writable().MaxLength(kLongestCn))
      .With(Attribute::Text(kName).Writable().MaxLength(kLongestCn).AllowedCharacters(kGroupNamePattern))
      .With(Attribute::Text(kParent).Writable().Required().CaseInsensitive())
      .With(AccountName(true).Is(Privacy::kInternal))
      .With(Mail(Privacy::kInternal));
}

ObjectClass MembershipFrame() {
  connector::Relation relation;
  relation.subject_class = kAccount;
  relation.subject_attribute = kAccount;
  relation.object_class = kGroup;
  relation.object_attribute = kGroup;
  relation.grantable = true;
  relation.description = "is a member of the group, and may do what the group may";
  return ObjectClass::Relation(kMembership, std::move(relation))
      .Can({Action::kGrant, Action::kRevoke})
      .Written(Written(true))
      .Reference(kAccount, kAccount)
      .Reference(kGroup, kGroup);
}

ObjectClass ContainerFrame() {
  return ObjectClass::Other(kContainer)
      .LabelledBy("ou")
      .With(Attribute::Text("ou").Multi())  // As the directory's schema has it.
      .Text(kParent)
      .Text("description");
}

ObjectClass PrincipalFrame() {
  return ObjectClass::Other(kPrincipal)
      .With(Attribute::Text("sAMAccountName").UniqueIn(kAccountNames).CaseInsensitive().Is(Privacy::kSensitive));
}

bool IsFramed(const ObjectClass& frame, const std::string& name) {
  for (const Attribute& attribute : frame.attributes) {
    if (absl::EqualsIgnoreCase(attribute.name, name)) return true;
  }
  // Written by the connector itself, or not at all.
  for (const char* own : {"unicodePwd", "userAccountControl", "member", "objectClass", "nTSecurityDescriptor",
                          "userPassword", "dBCSPwd"}) {
    if (absl::EqualsIgnoreCase(own, name)) return true;
  }
  return false;
}

ObjectClass WithSchema(ObjectClass frame, const DirectorySchema& schema, const std::string& ldap_class,
                       Privacy privacy) {
  std::vector<Attribute> more;
  for (const std::string& name : schema.AllowedIn(ldap_class)) {
    const AttributeSchema* attribute = schema.Find(name);
    if (attribute == nullptr || IsFramed(frame, name)) continue;
    more.push_back(Describe(*attribute).Is(privacy));
  }
  for (Attribute& attribute : more) frame.With(std::move(attribute));
  return frame;
}

}  // namespace

Description DescribeConnector() {
  ObjectClass account = AccountFrame();
  for (const char* name :
       {"givenName", "sn", "displayName", "employeeID", "employeeNumber", "employeeType", "department", "title",
        "company", "description", "telephoneNumber", "mobile", "physicalDeliveryOfficeName", "homeDirectory",
        "homeDrive", "scriptPath", "initials", "manager"}) {
    account.With(Attribute::Text(name).Writable().Is(Privacy::kSensitive));
  }
  account.With(Attribute::Text("proxyAddresses").Multi().Writable().Is(Privacy::kSensitive));
  ObjectClass group = GroupFrame();
  group.With(Attribute::Text("description").Writable()).With(Attribute::Integer("groupType").Writable());
  return Description("sluice.active_directory", "1.0.0")
      .With(Setting::List("servers")
                .Label("Domain controllers")
                .Help("In order of preference, each as ldaps://dc1.school.example; the name must stand in the server's "
                      "certificate.")
                .Required()
                .Egress("{value}"))
      .With(Setting::Text("base")
                .Label("Domain")
                .Help("The domain's distinguished name: DC=school,DC=example.")
                .Required())
      .With(Setting::List("people_base")
                .Label("Where accounts are")
                .Help("Containers, whole or relative to base; base if not given."))
      .With(Setting::List("groups_base")
                .Label("Where groups are")
                .Help("Containers, whole or relative to base; base if not given."))
      .With(Setting::Text("ca_file")
                .Label("Certificate authorities")
                .Help("A PEM file; the operating system's authorities if not given."))
      .With(Setting::Integer("page_size").Label("Objects in a page").Default(500).Min(1).Max(5000))
      .With(Setting::Integer("window").Label("Requests under way at once").Default(32).Min(1).Max(512))
      .With(Setting::Integer("range_step")
                .Label("Members in one slice")
                .Help("0: as many as the directory gives.")
                .Default(0)
                .Min(0)
                .Max(5000))
      .With(Setting::Secret("bind_dn").Label("Service account").Help("A distinguished name or name@domain.").Required())
      .With(Setting::Secret("bind_password").Label("Its password").Required())
      .With(std::move(account))
      .With(std::move(group))
      .With(MembershipFrame())
      .With(ContainerFrame())
      .With(PrincipalFrame())
      .FindsTaken();
}

std::vector<ObjectClass> ClassesOf(const DirectorySchema& schema, const PasswordRules& rules) {
  ObjectClass account = WithSchema(AccountFrame(), schema, "user", Privacy::kSensitive);
  PasswordPolicy policy;
  policy.min_length = rules.min_length;
  policy.min_character_kinds = rules.complex ? 3 : 0;
  policy.no_name_parts = rules.complex;
  account.Passwords(policy);
  return {std::move(account), WithSchema(GroupFrame(), schema, "group", Privacy::kInternal), MembershipFrame(),
          ContainerFrame(), PrincipalFrame()};
}

}  // namespace sluice::active_directory
