"""The script that a school writes itself: for each person search, add, enable, then group by group. It is the peer of a benchmark and kept
as such scripts are: one connection, one thing after the other with what ldap3 offers for Active Directory, no plan and no log.

    homemade_sync.py URI CA BIND_DN PASSWORD_FILE PEOPLE.json [each]

With "each" it signs in anew for each person, as a script does that is started for one person.
"""

import json
import ssl
import sys

import ldap3

uri, ca, bind, password_file, people_file = sys.argv[1:6]
each = sys.argv[6:] == ["each"]
tls = ldap3.Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=ca)
server = ldap3.Server(uri, use_ssl=True, tls=tls, get_info=ldap3.NONE)
password = open(password_file).read()


def sign_in():
    return ldap3.Connection(server, bind, password, auto_bind=True, raise_exceptions=True)


connection = sign_in()
with open(people_file) as file:
    work = json.load(file)

for place in work["places"]:
    connection.add(place, ["organizationalUnit"])
for group in work["groups"]:
    connection.add(group["dn"], ["group"], {"sAMAccountName": group["name"]})

for person in work["people"]:
    if each:
        connection.unbind()
        connection = sign_in()
    connection.search(work["base"], f"(&(objectClass=user)(employeeID={person['attributes']['employeeID']}))", attributes=["userAccountControl"])
    if not connection.response or not any(entry["type"] == "searchResEntry" for entry in connection.response):
        connection.add(person["dn"], ["user"], {**person["attributes"], "userAccountControl": "514"})
    connection.modify(person["dn"], {"userAccountControl": [(ldap3.MODIFY_REPLACE, ["512"])]})
    for group in person["groups"]:
        connection.extend.microsoft.add_members_to_groups(person["dn"], group)
