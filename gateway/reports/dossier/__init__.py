"""The subject dossier (GDPR article 15): what was shared about one person, told to that person.

authority   who may ask for it
gathering   what the log and the tables hold of the person
telling     what of that is told, and what would tell of others
evidence    the proof of each line
composing   the words, in Dutch and English, on one page model
html, pdf, written   that page as HTML and PDF, and the whole as JSON
drafting    a draft, its release by an officer, or its refusal; each with its entry
"""
