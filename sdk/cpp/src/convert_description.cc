#include "sdk/cpp/src/convert_description.h"

#include "sdk/cpp/src/convert_values.h"

namespace sluice::connector {
namespace {

void Fill(const Setting& setting, v1::ConfigField* field) {
  field->set_name(setting.name);
  field->set_type(static_cast<v1::ConfigField::Type>(setting.type));
  field->set_required(setting.required);
  field->set_secret(setting.is_secret);
  if (setting.default_value.is_visible()) *field->mutable_default_value() = ToProto(setting.default_value);
  for (const Setting::Option& option : setting.choices) {
    v1::ConfigField::Choice* choice = field->add_choices();
    *choice->mutable_value() = ToProto(option.value);
    choice->set_label(option.label);
  }
  field->set_pattern(setting.pattern);
  if (setting.min.has_value()) field->set_min(*setting.min);
  if (setting.max.has_value()) field->set_max(*setting.max);
  field->set_group(setting.group);
  field->set_label(setting.label);
  field->set_help(setting.help);
  field->set_effect(static_cast<v1::ConfigField::Effect>(setting.effect));
  field->set_deprecated(setting.deprecated);
  if (!setting.egress.empty()) field->add_egress(setting.egress);
  for (const Setting& inner : setting.fields) Fill(inner, field->add_fields());
  if (!setting.when_field.empty()) {
    field->mutable_when()->set_field(setting.when_field);
    for (const Value& value : setting.when_values) *field->mutable_when()->add_values() = ToProto(value);
  }
}

void Fill(const Attribute& attribute, v1::Attribute* out) {
  out->set_name(attribute.name);
  out->set_type(static_cast<v1::Attribute::Type>(attribute.type));
  out->set_multi_valued(attribute.multi_valued);
  out->set_required(attribute.required);
  out->set_unique_in(attribute.unique_in);
  out->set_readable(attribute.readable);
  out->set_creatable(attribute.creatable);
  out->set_updatable(attribute.updatable);
  out->set_case_insensitive(attribute.case_insensitive);
  out->set_ordered(attribute.ordered);
  out->set_max_length(attribute.max_length);
  out->set_allowed_characters(attribute.allowed_characters);
  for (const Value& value : attribute.allowed) *out->add_allowed() = ToProto(value);
  out->set_reference_class(attribute.reference_class);
  out->set_privacy(static_cast<v1::Attribute::Privacy>(attribute.privacy));
  for (const Attribute& inner : attribute.attributes) Fill(inner, out->add_attributes());
  out->set_volatile_(attribute.is_volatile);
  out->set_label(attribute.label);
  out->set_description(attribute.description);
}

void Fill(const Relation& relation, v1::ObjectClass::Relation* out) {
  out->set_subject_class(relation.subject_class);
  out->set_subject_attribute(relation.subject_attribute);
  out->set_object_class(relation.object_class);
  out->set_object_attribute(relation.object_attribute);
  out->set_grantable(relation.grantable);
  out->set_exclusive(relation.exclusive);
  for (const Attribute& parameter : relation.parameters) Fill(parameter, out->add_parameters());
  out->set_inherited_attribute(relation.inherited_attribute);
  out->set_through_attribute(relation.through_attribute);
  out->set_description(relation.description);
  for (const Holder& holder : relation.holders) {
    v1::ObjectClass::Holder* to = out->add_holders();
    to->set_name(holder.name);
    to->set_description(holder.description);
    for (const Holder::Condition& condition : holder.conditions) {
      auto* to_condition = to->add_conditions();
      to_condition->set_attribute(condition.attribute);
      for (const Value& value : condition.values) *to_condition->add_values() = ToProto(value);
    }
  }
  out->set_holders_attribute(relation.holders_attribute);
  out->set_exclusive_attribute(relation.exclusive_attribute);
  out->set_fixed_attribute(relation.fixed_attribute);
}

void Fill(const Writing& writing, v1::Writing* out) {
  out->set_idempotency(static_cast<v1::Writing::Idempotency>(writing.idempotency));
  out->set_full_state(writing.full_state);
  out->set_creates_enabled(writing.creates_enabled);
  out->set_joins(writing.joins);
  out->set_max_in_flight(writing.max_in_flight);
  out->set_batch_size(writing.batch_size);
  *out->mutable_visibility_delay() = ToProto(writing.visibility_delay);
}

}  // namespace

v1::GetConfigSchemaReply ToConfigSchema(const Description& description) {
  v1::GetConfigSchemaReply schema;
  schema.set_version(description.schema_version);
  for (const Setting& setting : description.settings) Fill(setting, schema.add_fields());
  return schema;
}

v1::ObjectClass ToProto(const ObjectClass& object_class) {
  v1::ObjectClass out;
  out.set_name(object_class.name);
  out.set_role(static_cast<v1::ObjectClass::Role>(object_class.role));
  for (const Attribute& attribute : object_class.attributes) Fill(attribute, out.add_attributes());
  for (Action action : object_class.actions) out.add_actions(static_cast<v1::Action>(action));
  out.set_owner_attribute(object_class.owner_attribute);
  if (object_class.relation.has_value()) Fill(*object_class.relation, out.mutable_relation());
  if (object_class.password_policy.has_value()) {
    v1::ObjectClass::PasswordPolicy* policy = out.mutable_password_policy();
    policy->set_min_length(object_class.password_policy->min_length);
    policy->set_max_length(object_class.password_policy->max_length);
    policy->set_min_character_kinds(object_class.password_policy->min_character_kinds);
    policy->set_no_name_parts(object_class.password_policy->no_name_parts);
  }
  if (object_class.writing.has_value()) Fill(*object_class.writing, out.mutable_writing());
  out.set_label_attribute(object_class.label_attribute);
  out.set_description_attribute(object_class.description_attribute);
  out.set_label(object_class.label);
  out.set_description(object_class.description);
  return out;
}

}  // namespace sluice::connector
