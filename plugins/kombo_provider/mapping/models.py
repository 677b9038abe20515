"""The request bodies of both create endpoints: the one source of paths, types and required fields.

Facts are from the API reference §2.1 (body), §4 (attachments), §5 (screening questions), §6 (remote fields).
Fields stand in the alphabet's order: it is their order in a payload, and so a part of its hash.
"""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Discriminator, Tag, model_validator

from kombo_provider.mapping import kinds
from kombo_provider.mapping.content_types import type_by_name, type_of_base64
from kombo_provider.mapping.passthrough import JSON_OBJECT
from kombo_provider.mapping.values import refuse

Text = Annotated[str, kinds.TEXT]
Phone = Annotated[str, kinds.PHONE]
Email = Annotated[str, kinds.EMAIL]
Date = Annotated[str, kinds.DATE]
Reference = Annotated[str, kinds.REFERENCE]
ContactType = Annotated[str, kinds.one_of("PERSONAL", "WORK", "OTHER")]

# fmt: off
KNOWN_ATS = frozenset({
    "afas", "avature", "bullhorn", "covetorest", "dvinci", "greenhouse", "greenhousev3", "guidecom",
    "hrworks", "jobylon", "lever", "personio", "piloga", "pinpoint", "recruitcrm", "recruitee",
    "rexx", "smartrecruiters", "successfactors", "talentadore", "talentsoft", "teamtailor",
    "umantis", "workable", "workday", "zohorecruit",
})
# fmt: on


class Model(BaseModel):
    """Base of all objects: a key that is not declared is refused."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())


class EmailAddress(Model):
    """One more e-mail address."""

    email_address: Email
    type: ContactType


class PhoneNumber(Model):
    """One more telephone number."""

    phone_number: Phone
    type: ContactType


class Location(Model):
    """Where the candidate lives."""

    city: Text | None = None
    country: Annotated[str, kinds.COUNTRY]
    """ISO 3166-1 alpha-2, in capitals."""
    state: Text | None = None
    street_1: Text | None = None
    zip_code: Text | None = None


class SalaryExpectations(Model):
    """What the candidate wants to earn; Kombo converts between month and year."""

    amount: Annotated[float, kinds.NUMBER]
    period: Annotated[str, kinds.one_of("MONTH", "YEAR")]


class SocialLink(Model):
    """A page about the candidate."""

    url: Annotated[str, kinds.URL]


class Candidate(Model):
    """The person who applies."""

    additional_email_addresses: list[EmailAddress] | None = None
    additional_phone_numbers: list[PhoneNumber] | None = None
    availability_date: Date | None = None
    company: Text | None = None
    """Present employer."""
    email_address: Email
    first_name: Text
    gender: Annotated[str, kinds.one_of("MALE", "FEMALE", "OTHER")] | None = None
    last_name: Text
    location: Location | None = None
    phone_number: Phone | None = None
    salary_expectations: SalaryExpectations | None = None
    social_links: list[SocialLink] | None = None
    title: Text | None = None
    """Present job title."""


_FILE_SOURCES = frozenset({"data", "data_url", "path"})


class File(Model):
    """A file: exactly one of its sources is given."""

    content_type: Annotated[str, kinds.MEDIA_TYPE] | None = None
    data: Annotated[str, kinds.BASE64] | None = None
    data_url: Annotated[str, kinds.HTTP_URL] | None = None
    """Where Kombo downloads the file, without authentication headers."""
    name: Annotated[str, kinds.FILE_NAME]
    """File name with a usable extension."""

    @model_validator(mode="after")
    def _check_source(self) -> Self:
        sources = _FILE_SOURCES & self.model_fields_set
        if len(sources) != 1:
            raise refuse(
                "expected exactly one of data and data_url (or path, where files are read); "
                "an empty file does not count"
            )
        if "data_url" not in sources and self.content_type is None:
            self._tell_type()
        return self

    def _tell_type(self) -> None:
        """Set the content type, unless a file that is read later will tell it."""
        found = type_by_name(self.name)
        if found is None and self.data is not None:
            found = type_of_base64(self.data)
        if found is not None:
            self.content_type = found
        elif self.data is not None:
            raise refuse("content_type is required: neither the name nor the contents of the file tell it")


class Attachment(File):
    """A file of the application; the first CV becomes the résumé."""

    path: Annotated[str, kinds.FILE_PATH] | None = None
    """Ours, not Kombo's: the file is read, and becomes `data`, while its request is built."""
    type: Annotated[str, kinds.one_of("CV", "COVER_LETTER", "OTHER")]


def _answer_tag(value: object) -> str:
    return "(file)" if isinstance(value, dict | File) else "(plain)"


class ScreeningAnswer(Model):
    """An answer to a question of the job."""

    answer: Annotated[
        Annotated[File, Tag("(file)")] | Annotated[Any, kinds.ANSWER, Tag("(plain)")],
        Discriminator(_answer_tag),
    ]
    question_id: Text


class Source(Model):
    """Deprecated by Kombo, which writes the source itself."""

    id: Text | None = None
    name: Text | None = None
    unified_key: Text | None = None


class SourcedBy(Model):
    """Who found the candidate."""

    user_id: Reference
    """Kombo user id, or `remote:` and the ATS's."""


class GdprConsent(Model):
    """Consent, where the law of the country asks for it."""

    expires_at: Date | None = None
    given: Annotated[bool, kinds.FLAG] | None = None


class Body(Model):
    """What the bodies of both endpoints have in common."""

    attachments: list[Attachment] | None = None
    candidate: Candidate
    gdpr_consent: GdprConsent | None = None
    remote_fields: Annotated[dict[str, Any], JSON_OBJECT] | None = None
    """Passed on to the ATS, keyed by it."""
    screening_question_answers: list[ScreeningAnswer] | None = None
    source: Source | None = None
    sourced_by: SourcedBy | None = None


class Application(Model):
    """What the two endpoints place differently: the job (path or body) and the stage."""

    job_id: Reference
    """Kombo job id, or `remote:` and the ATS's."""
    stage_id: Text | None = None
    """Kombo stage id of that job; left out: the job's default stage."""
