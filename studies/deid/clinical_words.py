"""The words behind `clinical`: radiology's vocabulary, folded (lower case, no accents, ss for ß).

Written for this project; data only, in alphabetical order. `clinical` says what the lists decide.
"""

from __future__ import annotations

# Eponyms and product names that are also surnames or places. The few hundred most common surnames
# (Smith, Young, Weber) are left out on purpose: there a lost eponym costs less than a name.
EPONYMS = """
acuson addison agfa allura alport alzheimer amplatz apert aquilion arterial artis asperger avanto
azurion baastrup babinski baker balthazar bankart barlow barrett barton basedow batten bechterew
beckwith behcet bertolotti biograph blalock blount bochdalek boerhaave bosniak bouchard brilliance
brodie broselow brugada bruton buerger buford caffey caldwell calot calve camurati canon caplan
carestream carney caroli castleman cathlab chagas charcot chiari chilaiditi chopart churg cobb
codman colles conray cooley coude courvoisier creutzfeldt crohn crouzon cushing cyberknife dandy
danis denonvilliers dercum devic dieulafoy discovery doppler down drash duchenne dupuytren
duverney eagle ebstein ehlers eisenmenger elekta epley erb erdheim espree essenza ewing fabry
fallot fanconi fitz fleischner fontan fournier freiberg frey friedreich fuji fujifilm galeazzi
galen ganz garre gaucher gauss gehc genesis gerdy gleason goodpasture gorlin gottron gradenigo
graves greulich grey grynfeltt guillain gustilo guyon hand hangman hashimoto heberden henoch
hippel hirschsprung hitachi hodgkin hodgkins hoffa hologic holter horner hounsfield huntington
ingenia ingenuity innova jefferson judet kahler kaposi kartagener kasabach kasai kawasaki kellgren
kerley kienbock kirklin kirschner klatskin klinefelter klippel kodak konica krukenberg kugelberg
kummell lachman laennec lambl lauenstein laurin lefort lenegre leriche letournel lhermitte
lightspeed lisfranc littre lodwick loeffler lumify maffucci magnetom maisonneuve marchiafava
marfan mazabraud mcburney mccune meckel meigs meniere menkes mindray minolta mirizzi mondor
monteggia morgagni morison morquio morton munchausen mustard niemann norwood nuss oddi ollier
optima optimus osgood osler page paget pancoast panner parkinson pavlik pegasus pellegrini perthes
peutz peyer peyronie philips pick plummer pompe pott poupart prader precise prestige pringle
prinzmetal prisma prodigy purkinje pyle quervain ranke rathke raynaud refsum reiter rett
revolution riedel rigler ring rokitansky rolando rosenmuller rotor roux ruedi salter samsung
santorini scarpa schatzker schatzki scheie scheuermann schlatter schmorl schober schuller schwann
seldinger sengstaken sensation sever sharp sheehan shimadzu siemens signa simmonds sinding sjogren
skyra somatom sonata sonosite spigelius stafne stanford stener stensen stenvers sternberg stieda
still strawberry sudeck swan swyer sylvius symphony takayasu tarlov thiemann thomsen thornwaldt
tietze tomotherapy tornwaldt toshiba towne treitz trendelenburg trio tullio turcot valsalva van
varian vater verio virchow vivid volkmann voluson waldenstrom waldeyer wallenberg warthin
waterhouse waters wegener werdnig wernicke westermark wharton whipple wilms wilson wirsung wolff
zenition zenker zollinger zuckerkandl
"""

# Body parts, regions and directions.
ANATOMY = """
abd abdomen abdominal acetabular acetabulum achilles acromion adductor adenoid adnexa adrenal
airway alar alveolar amygdala anal ankle anorectal anterior antrum anus aorta aortic aorto apex
apical appendix aqueduct arch areola arm armpit arteries artery articular ascending atlas atria
atrial atrioventricular atrium auditory auricular axial axilla axillary axis back basal basilar
biceps bile biliary bladder blood body bone bones bony bowel brachial brachiocephalic brain
brainstem breast breasts bronchi bronchial bronchus brow buccal bulb bursa buttock buttocks caecum
calcaneal calcaneum calcaneus calf calvarium canal capsule cardiac carina carotid carotids carpal
carpus cartilage cauda caudal caudate cava caval cavernous cavity cecum celiac central cephalic
cerebellar cerebellum cerebral cerebrum cervical cervix cheek chest chiasm chin choroid ciliary
circle clavicle cleft clivus coccyx cochlea coeliac colic collateral colon colonic common conus
coracoid cord corneal coronary corpus cortex cortical costal costophrenic cranial cranium crest
cruciate crural cspine cubital cuboid cuneiform cusp deltoid dental descending diaphragm digit
digital disc disk distal dorsal dorsum duct ductal ducts duodenal duodenum dura dural ear ears
elbow elbows endocardial endometrial endometrium endorectal enteric epicardial epididymis epidural
epigastric epiglottis esophageal esophagus ethmoid ext extremities extremity eye eyelid eyes face
facet facial fallopian falx fascia fat fatty feet femoral femur femurs fetal fetus fibula fibular
finger fingers flank fontanelle foot foramen forearm forefoot forehead fossa frontal gallbladder
ganglion gastric gastrointestinal genital genitalia genitourinary gi gland glands glandular
glenohumeral glenoid globe glottis gluteal gluteus great groin gu gum gut hair hallux hamstring
hands hard head heart heel hemi hemisphere hepatic hepatobiliary hernia hiatus hilar hilum
hindfoot hip hippocampal hippocampus hips humeral humerus hyoid hypogastric hypopharynx hypophysis
hypothalamus iac ileal ileocecal ileum iliac ilium inferior inguinal inner insula intercostal
interosseous intervertebral intestinal intestine intracranial ischial ischium isthmus ivc jaw
jejunal jejunum joint joints jugular kidney kidneys knee knees kub labral labrum labyrinth
lacrimal laryngeal larynx lateral leg legs lens lid ligament ligaments limb limbs lip liver lobe
lobes long lower lspine lumbar lumbosacral lumen lunate lung lungs lymph lymphatic malar malleolus
mamma mammary mandible mandibular mastoid mastoids maxilla maxillary maxillofacial meatus medial
median mediastinal mediastinum medulla membrane meningeal meninges meniscal meniscus mesenteric
mesentery metacarpal metacarpals metatarsal metatarsals midbrain middle midfoot midline mitral
molar mouth mri muscle muscles muscular myocardial myocardium nares nasal nasopharynx navel
navicular neck nerve nerves neural nipple nodal node nodes nose occipital occiput ocular odontoid
oesophagus olecranon olfactory omental omentum optic oral orbit orbital orbits oropharynx os
osseous outer ovarian ovaries ovary palate palm palmar pancreas pancreatic papillary paranasal
parathyroid parietal parotid parotids patella patellae patellar patellofemoral pectoral pectoralis
pedal pelvic pelvis penile penis pericardial pericardium perineal perineum periorbital peripheral
peritoneal peritoneum peroneal petrous phalanges phalanx pharyngeal pharynx pituitary placenta
plantar pleura pleural plexus pneumo pole pons popliteal portal posterior posteroanterior prostate
prostatic proximal psoas pubic pubis pulm pulmonary pylorus quadrant quadriceps radial radius
rectal rectum rectus renal retina retinal retroperitoneal retroperitoneum rib ribs root rotator
rump sacral sacroiliac sacrum sagittal salivary saphenous scalp scaphoid scapula scapular scrotal
scrotum sella sellar seminal septal septum shin short shoulder shoulders sigmoid sinus sinuses
skeletal skeleton skin skull sle small soft sole sphenoid spinal spine spleen splenic sternal
sternoclavicular sternum stomach subclavian subcutaneous submandibular superficial superior supine
supraclavicular suprarenal supraspinatus svc symphysis synovial tail talus tarsal tarsus teeth
temple temporal temporomandibular tendon tendons testes testicle testicular testis thalamus thenar
thigh thighs thoracic thoracolumbar thorax throat thumb thymus thyroid tibia tibial tissue tissues
tmj toe toes tongue tonsil tonsils tooth torso trabecular trachea tracheal tragus transverse
trapezius triceps tricuspid trigeminal trochanter trunk tspine tube tympanic ulna ulnar umbilical
umbilicus upper ureter ureteral ureters urethra urethral urinary urogenital uterine uterus uvula
vagina vaginal vagus valve valves valvular vas vascular vein veins vena venous ventral ventricle
ventricles ventricular vermis vertebra vertebrae vertebral vesical vesicle vessel vessels
vestibular viscera visceral vitreous vocal vulva whole wrist wrists xiphoid zygoma zygomatic
"""

# Indications and findings.
FINDINGS = """
aaa abnormal abnormality abscess absence abuse accident acute adenocarcinoma adenoma adenopathy
adhesion aids alcohol anaemia anemia aneurysm aneurysms angina anomalous anomaly anoxia apnoea
appendicitis arrest arrhythmia arteriovenous arteritis arthritis arthrogram arthrography
arthropathy arthroplasty arthroscopy arvd asbestosis ascites asd aspergilloma asthma asymmetry
asystole ataxia atelectasis atheroma atherosclerosis atrophy atypical avf avm bacterial benign
birads bleed bleeding blind blowout blunt brca bronchiectasis bronchitis bruise burn bursitis
calcific calcification calcifications calcified calculi calculus cancer carcinoid carcinoma
carcinomatosis cardiomegaly cardiomyopathy cataract cellulitis change changes chemo chemotherapy
chf cholangiocarcinoma cholangiogram cholangiography cholangiopancreatography cholangitis
cholecystectomy cholecystitis cholelithiasis cholesteatoma cirrhosis clot clotting clubfoot
coarctation cold colectomy colitis collapsed collection coma compartment complaint complication
concussion confusion congenital congestion congestive consolidation constipation contusion
convulsion cough covid craniopharyngioma craniotomy crush csf cteph cyst cystic cystitis cysts ddh
dead deaf death decreased defect deficiency deficit deformity degenerate degeneration degenerative
dehiscence dementia demyelinating demyelination dependence depressed depression desmoid detachment
deterioration diabetes diabetic dialysis diarrhea diarrhoea dilatation dilated dilation discharge
discitis discomfort disease dislocation disorder displaced dissection distension diverticulitis
diverticulosis diverticulum dizziness drug dvt dysphagia dysplasia dyspnea dyspnoea dystonia
dystrophy ectasia ectopic edema effusion effusions embolic embolism embolization embolus emphysema
empyema encephalitis encephalopathy endocarditis endoleak endometriosis endoscopy endovascular
ependymoma epiglottitis epilepsy epistaxis erosion erythema evar exostosis failure fall fell fever
fibroadenoma fibroid fibroids fibrosarcoma fibrosis fibrotic filling fissure fistula fistulous
fixation flu foreign fracture fractured fractures fungal fusion gallstone gallstones
ganglioneuroma gangrene gastrectomy gastritis gbm glioblastoma glioma glomus goiter goitre gout
granuloma granulomatous gunshot gynecomastia haemangioma haematoma haematuria haemophilia
haemorrhage hamartoma hcc headache headaches healing hearing hemangioma hemangiomas hematoma
hematomas hematuria hemorrhage hemorrhagic hemothorax hepatitis hepatoma hepatomegaly herniated
herniation hiv hydrocele hydrocephalus hydronephrosis hydrops hyperparathyroidism hyperplasia
hypertension hypertensive hyperthyroidism hypertrophy hypoglycemia hypoplasia hypotension
hypothyroidism hypoxia hypoxic hysterectomy idiopathic ileus ill immune impaction impingement
incidental incontinence indeterminate infarction infected infection infectious infiltrate
infiltration infiltrative inflammation inflammatory ingestion injuries injury instability
insufficiency insulinoma interstitial intoxication intraductal intubated intubation
intussusception ischaemia ischemia ischemic jaundice keratoconus ketoacidosis kyphosis laceration
lacunar lame laminectomy laparotomy leakage lesion leukaemia leukemia lipoma lithiasis lobectomy
loss lupus lymphadenopathy lymphangioma lymphangitis lymphocele lymphoma malaise malformation
malignancy malignant mass masses mastectomy mastitis mastocytosis mediastinitis medulloblastoma
melanoma meningioma meningitis menopausal mesothelioma metaplasia metastases metastasis metastatic
mets microangiopathy migraine mild miscarriage missed moderate moyamoya mucocele mucous
multinodular murmur mutation myeloma myelopathy myocarditis myoma myopathy myositis nai nausea
necrosis necrotic necrotizing neoplasm neoplastic nephrectomy nephritis nephrolithiasis neuritis
neuroblastoma neurofibromatosis neuroma neuropathy nocturnal nodular nodule nodules nph numbness
obese obesity obstructed obstruction obstructive occult oedema oesophagitis oligodendroglioma onc
oncology opacity osteoarthritis osteochondral osteochondroma osteoid osteolysis osteoma
osteomyelitis osteonecrosis osteopenia osteopetrosis osteoporosis osteosarcoma osteotomy otitis
overdose pacs pain painful palpable palpitation palsy pancreatitis pancytopenia papilloma
paraganglioma paralysis paraplegia paresis paresthesia parkinsonism patchy patency patent
pathologic pda pectus penetrating perforation pericarditis peritonitis persistent pheo
pheochromocytoma pilonidal plasmacytoma pleurisy pna pneumoconiosis pneumomediastinum pneumonia
pneumonitis pneumoperitoneum pneumothorax poisoning polycystic polymyalgia polyp polyposis polyps
polytrauma pregnant prematurity prolactinoma prolapse proptosis prostatectomy pseudarthrosis
pseudoaneurysm pseudocyst psoriasis psychosis ptosis puncture pyelonephritis pyloric pyonephrosis
radiculopathy rash rds reaction reflux rejection resected residual restaging retention
retinoblastoma rhabdomyosarcoma rheumatoid rhinitis rickets rupture ruptured sarcoid sarcoidosis
sarcoma sbo scar scarring scfe schwannoma sciatica scleroderma sclerosis scoliosis seizure
seizures seminoma sepsis septic septicaemia seroma severe shock shortness shot sialolithiasis
sicca sinusitis slipped snoring sob soreness spasm spina splenectomy spondylitis spondyloarthritis
spondylolisthesis spondylosis sprain stab steatosis stenosis stenotic steroid stiffness stones
strain strangulated stridor stroke subacute subarachnoid subdural subluxation suicide suspicion
suspicious swelling swollen symptom symptoms syncope syndrome synovitis syringomyelia syrinx
tachycardia tb tear tears tenderness tendinitis tendinopathy tendinosis tenosynovitis teratoma
tetralogy thalassemia thrombectomy thromboembolic thromboembolism thrombolysis thrombosis thrombus
thymoma thyroidectomy thyroiditis tinnitus torn torsion tortuous toxic tracheostomy
transplantation tremor tuberculosis tumor tumoral tumors tumour tumourous tumours ulcer ulcerative
ulcers unconscious unstable urolithiasis uropathy urosepsis uti varices varicocele varicose
vasculitis vegetation vertigo viral virus vision volvulus vomiting vsd warm weakness wheezing
widening worsening wound wounds xanthogranulomatous
"""

# Modalities, sequences, positions, technique, and the words of protocols.
METHOD = """
2d 3d 4d abbreviated abdomenpelvis abduction ablation absent accelerated access accession acoustic
acq acquired acquisition acr active adc add additional adduction adenosine adult advanced after
agatston age aice aif air algorithm aligned alignment all allergy alpha alternate am analog
analysis and angio angiogram angiographic angiography angioplasty angle angled angulation
anisotropic annotation anon anonymized anonymous ant ap aperture apnea application applied arc
area artefact artifact asir asl aspect aspiration asset assist at atten attenuated attenuation
audio auto autoalign automated automatic average averaged avg axr b0 b1 b10f b20f b30f b31f b40f
b50f b60f b70f background balanced balloon band bandwidth barium base baseline be beam bed before
bending beta between bhold bilat bilateral biopsy biplane bl57 blade blend block bmi bold bolus
bonee boost bottom bp bph bpm br38 br40 br44 brachy brachytherapy brainlab bravo breakdown breath
breathe breathhold breathing bright bsa bucky bw bypass cabg caipirinha cal calc calcium
calculated calculation calibration camera cap capture card cardiology care cartesian case cast
catheter catheterization cbct cbf cbv cc ccw cdr center centered cesium cesm channel
characterisation characterization check chestabdomen chestabdpelvis child children choline chronic
chst cine cineloop ciss cistern cisternogram cisternography clariscan class classic clean clear
clearance cleared clinic clinical clip clock closed cloudstudy cm cmc coarse coded coefficient
coil collapse collimation collimator colonography color colour column combi combined combo compare
comparison complete complex component compound compressed compression computed concat cone
conference consult cont contiguous continuous contra contralateral contrast control conventional
conversion convex copd copy cor coronal corrected correction correlation count counts course cover
coverage cr cranio craniocaudal cross csi ct cta ctdi ctdivol ctp ctspine ctv cube cuff cup curve
curved custom cut cutoff cvp cw cxr cycle cystogram cystography daily dark data date dating db dbt
dce decay december deconvolution dect decub decubitus deep deepresolve default defecography defib
deflection deg degree degrees deidentified delay delayed delta demo dense density dep depth
derived dess destructive detail detailed detection detector deviation device dexa dfov diag
diagnosis diagnostic diameter diastole diastolic diff differential diffusion dig dim dimension
diode dip dir direct direction directional disco discography disp display distance distortion
dixon dlp dmsa dobutamine doc document dome donor dorsiflexion dose dosereport dosimetry dot
dotarem dotatate dotatoc double drain drainage drawing drip drive driven drr dsa dsc dti dual
dummy dump duplex duration dwell dwi dx dyn dynamic early ebct ecg echo echocardiogram
echocardiography echoplanar echos ed eddy edge edit edited edv effect effective egfr eight
ejection ekg elastogram elastography electron elevated elevation eleven emergency empty enema
enhance enhanced enhancement enlarged ent enteroclysis enterography entire entry eovist epi equal
equalized equilibrium equina er ercp erect error es esophagogram esophagram estimated esv etl ett
ev eval evaluation even evening event every exam examination examine excretory exercise exhale
expiration expiratory explorer exposed exposure extended extension external extra extraction f18
fa false fan far fast fatsat favorable fc01 fc07 fc08 fc18 fc30 fc50 fc51 fc52 fc86 fdg february
feed feedback ffdl ffdm ffdr ffe ffp ffs fid fiducial field fiesta film filter filtered filtration
final finding findings fine first fisp fist fistulogram five fixed flair flash flat flex flexion
flip float flow flowing fluid fluo fluoro fluoroscopy flush flux fmri focal focus fold foldover
follow followup for force form formal format formatted forward found four fov fraction fractional
frame frames free freq frequency friday frog fs fse full function functional fundus fused fw fwd
ga68 gad gadavist gado gadobutrol gadolinium gadoterate gadovist gadoxetate gain gallium gamma gap
gate gated gating gauge gcs general generate generated generator generic geometric geometry gfr
ghz glide global glucose gm gmt gonad grad grade gradient graft grafts grams graph graphic
graphics grappa grashey grasp gre grid gross group grouped growth guidance guide guided gy gyn
gynecology haemo half hanging hardware harmonic haste hd header headneck heavy height helical hemo
heparin hex hfdl hfdr hfp hfs hgb hh hi hida hidden high hires his histogram history hold holder
holding home hora horiz horizontal hot hour hours hr hr38 hrct hrs hsg hu hundred hybrid hyper
hypo hysterosalpingogram hz i123 i131 i26f i30f i31f i40f i50f i70f icd ice icg icu ideal ident
identification idl ima image imager images imaging imar immediate immobilization impedance implant
implants impression imrt imt imv in in111 inch inclined incomplete increased increment index
indication indications indirect indium inf infant infarct inflow info information infrared
infusion inhale inhomogeneity init initial injected injection injector inlet inline input inr insp
inspiration inspiratory instance instrument int intact intake integrated intensity inter interface
interfraction interleaved intermediate internal interpolated interval intervention interventional
intra intraop intraoperative intraoral intravenous inv invasive inverse inversion invert inverted
io iodine iohexol ion iopamidol iopromide ip ipat ipsi ipsilateral ir irm irradiation isl iso
isocenter isotropic isovue iter iteration iterative iud iv ivp ivs ivu ivus january jpeg judkins
july junction kernel kev key keyhole keyimage kg khz kilovolt knife ko kv kvp la laa lab label
labeled lad lao large laser last lat late latency lateralis lava layer lca lcx ldct lead leak left
length lesions less level levels lexiscan library life light limit limited linac line linear lines
lipiodol lirads list lithotomy live lll llq lm load loc local localiser localization localized
localizer location lock log logarithmic longitudinal look loop loose lossless lossy low lowdose lp
lpo lsj lsspine lt lu177 lul lungb lungrads luq lut lv lvot ma mac mag mag3 magnet magnetic
magnetization magnification magnitude main mammo mammogram mammography man manual map mapit
mapping maps mar march marked marker markers mas mask master mat match matched matrix mavric maxi
maximal maximum mbir mbq mbs mcg mci mcp mdct meal mean measure measured measurement measurements
measuring med medic medical medium mega memory merchant merge merged message metabolic metal
metallic meter method methods metrics mev mffe mg mhz mibg micro microcalcification mid midthigh
milli min mini minimal minimum minip minute minutes mip mirror misc missing mixed ml mlo mm mobile
mod modality mode model modified modular modulation module molecular molli moly moment monday
monitor monitoring mono monochrome monoenergetic month monthly months morning morphology mortem
mortise mosaic motion mouse movement moving mpr mprage mr mra mrcp mrs mrv ms msec mtc mtp mtt
muga mugascan mugb multi multiecho multienergy multiframe multihance multiphase multiplanar
multiple multislice myelo myelogram myelography myeloscopy naf name narrow narrowband native
natural navi navigation navigator near neckchest needle neg negative neonatal neonate nephro
nephrogram nephrology nephrostogram nephrostomy net neuro neurological neurology neutral new
newborn nex next ngt nicu night nine nm no noise nominal non nonbreathhold noncon noncontrast none
nonenhanced nor norm normal normalized normals not note notes november nsa nuc nuclear null number
numeric nwb ob object objective obl oblique obliques obstetric obstetrical occl occlusal occlusion
occlusive oct october off offset omar omnipaque on one onset oop op open operation operational
operative opposed opt optical optimized optimum optional optiray or order ordered organ
orientation oriented original ortho orthogonal orthopantomogram orthopedic osc oscillating ot
other out outflow outlet outline outpatient output outside over overflow overhead overlap overlay
overread overview oxygen pa pacemaker pacing paed paediatric paired palette pan panorama panoramic
panorex para parallel parametric parent part partial particle parts pass passive paste patch path
pathology patient patients pattern pause pc pca pcct pci pd pe peak pedi pediatric pedicle peds
pelvimetry pencil penetration percent percutaneous perf performed perfusion period permanent pet
petct petmr phantom phantoms pharm phase phased phases phlebography phone phosphate photo photon
physical physics physiologic pic picc picture picu piece pin pinhole pip pirads pitch pixel
placement plain plan planar plane planned planning plaque plate platform plus pm point points
polar port portable portacath portion pos position positioned positioning positive positron post
postcontrast postgad postop potential pound power ppm pr pre precision precontrast predicted
pregnancy preliminary preop preoperative prep preparation prescan presentation preset press
pressure prev preview previous primary primovist print prior priors probe procedure process
processed processing processor product profile program progress progressive prohance projection
projections prone propeller prospective prosthesis prosthetic protection protocol protocols proton
provocation psa pseudo psif psma pt ptc ptca ptv pulse pulsed pump pure push pwi px pyelogram
pyelography qa qc qct qft qiba qualitative quality quant quantification quantitative quantum
quarter quick ra rad radiation radiofrequency radiograph radiographic radiographs radiography
radioisotope radiolog radiology radiotherapy raise rales random range rao rapid rare rate ratio
raw rb82 rbc rca read reader reading ready real realtime rear reason rebuilt rec receive received
receiver recist recon reconstructed reconstruction record recording recovery recurrence recurrent
red reduced reduction ref refer reference referral refocus refocused reform reformat reformats
reformatted reg regadenoson region regional registered registration regular relative relaxation
release remote removal removed render rendered rendering reorient repeat repeated replacement
report reported reports reposition req request requested rerun res research resection resized
reslice resolution resolve resonance resp respiration respiratory response rest resting restored
restricted result results retro retrograde retrospective return reveal reverse reversed review rf
rg rgb right rigid rise rll rlq rml road roadmap rods roi roll room rotate rotated rotating
rotation rotational rounded routine row rpo rt rtdose rtimage rtplan rtstruct rul run runoff ruq
rv rvot sac safety sag saline same sample sampled sampling sat satellite saturation saturday save
saved sbft sbrt sc scale scaled scan scanned scanner scanning scanogram scans scatter scattered
schedule scheduled scint scinti scintigraphy scintimammography score scored scoring scout scr
screen screening screw screws sdct se sec second secondary seconds section sections sector secured
see seed seeds seg segment segmental segmentation segmented selected selective self semac semi
semierect sense sensitive sensitivity sentinel separate september sequence sequential serial
series service session set setting setup seven sex sfov shaded shadow shape sharpness shear
shielded shielding shift shim shmolli shoot shunt shuntogram sid side sides sign signal sij silent
silicone sim simple simulated simulation simulator simultaneous sine single sinogram site sitting
six size skip skulltovertex skyline slab sleep slice slices slide slip slit slope slow sm sma smar
smart smas smooth smoothing smv snap snapshot software solid solution sono sonogram sonography
source space spacing spair spatial spe spec special specialist species specific specified specimen
spect spectct spectra spectral spectroscopy speech speed spgr sphere spin spir spiral split
spoiled sponge spot spots spray spread spring square sr srs ssd ssde ssfp sspine stable stack
stage staging stain standard standing standup start starvibe stat state static statistics status
std steady stealth steep stent stenting stents step stepping stereo stereotactic stereotaxic
stereotaxy stim stimulation stir stitch stitched stitching stnd stop storage store stored straight
strength stress strip strong structural structure structured structures stryker studies study sub
subject subtract subtracted subtraction suite sum summary sunday sunrise sup superimposed
supplemental supply support suppressed suppression surface surgery surgical surveillance survey
susceptibility suspected suv swallow swallowing sweep swi swim swimmers switch symmetric sync
synchro synchronized syngo synth synthetic system systematic systole systolic t1 t1map t1w t1wi t2
t2map t2w t2wi table tables tace tagged tagging talairach tangential target targeted task tavi
tavr tc99m te tech technetium technical technique technologist tee tele temp temperature template
temporary ten tense terminal test testing tevar text texture tf tfe thallium then therapeutic
therapy thermal thermography thick thickness thin thins third thorabd thoraxabdomen thorotrast
thread three thresh threshold thrive through thru thrust thursday ti tilt tilted time timed
timepoint times timing tips tir tirads tirm tlj tlspine tnm tof tomo tomogram tomographic
tomography tomosynthesis tonic tool top topo topogram topographic total touch tr trace tracer
track tracking traction tractography trans transabdominal transcranial transducer transfer
transform transient transit transition transluminal transmission transmit transplant transrectal
transthoracic transvaginal trauma traumatic treated treatment tree triage trial tricks trigger
triggered triggering triple triplet true truefidelity trufi trufisp tse tte tuesday tumble tuned
tunnel turbo twelve twenty twin twist two type ugi ultra ultrafast ultrahd ultrasonic
ultrasonography ultrasound ultravist unattenuated unblinded uncorrected under undetermined unenh
unenhanced uni unilateral unit units universal unknown unlabeled unspecified update upright uptake
ur urgent urogram urography urology us use used user using utc utilization vac vacuum val value
values vapor variable variant various vaso vcug vector velocity velpeau venc veno venogram
venography vent ventilation ventriculogram ventriculography verification vert vertical very vfl
vfss vibe video videofluoroscopy view viewed viewer viewing views vin virtual visipaque vista
visual visualization vital viva vmat vmi void voiding vol volume volumes volumetric volumetry
voluven voxel vr vrt vs walking wall warp wash washin washout watchman water waterfat wave
waveform way wb wbc weak web wedge wednesday week weekly weeks weight weightbearing weighted
weighting well wet whispr wholebody wholespine wide width window windowed wires with within
without wo woc word work working worklist workstation xa xccl xenon xr xray xrays ybr year years
yellow yes yz zanca zero zip zone zoom zoomed zoomit
"""

# Terms of two words of which the first is a common surname. Elsewhere that word is a name.
PHRASES = """
adams stokes
allen test
bell palsy
bennett fracture
black blood
brown fat
brown sequard
brown tumor
brown tumour
bull eye
cooper ligament
cooper ligaments
edwards syndrome
evans index
evans ratio
gardner syndrome
gray matter
gray scale
green stick
grey matter
grey scale
hill sachs
hunter syndrome
jones fracture
legg calve
legg perthes
lynch syndrome
murphy sign
smith fracture
stone protocol
stone search
stone study
thomas splint
turner syndrome
white blood
white cell
white cells
white matter
williams syndrome
"""

# The same in other languages of the field.
OTHER_LANGUAGES = """
abdominale acostado addome anca anche angioscanner angiotomografia armbage artere arteres arteria
arterias arterie arterien arthroscanner articolazione articulacion articulation aufnahme auge
augen ausschluss aux avec axel bacia bacino baco bark basale bassin bauch bauchraum bazo becken
befund bei beide beidseits bekken bexiga bez bilan bilaterale bitte blaas blase blutung borst
bovenbeen braccio bras brazo bricho brost brust brustkorb brustwirbelsaule brzuch buik buk
busqueda bws cabeca cabeza cadera caderas cara caviglia caviglie cerebrale cerebro cerveau
cervicale cheville chez codo codos coeur colecisti collo colonna colonne columna coluna com con
contraste contrasto controle controllo coracao corazon corte cortes coscia coste costillas cotes
cotovelo cou couche coupe coupes coxa crane craneo cuello cuore darm das debout del dem den denti
dents der derecha derecho des destra destro dickdarm die dientes direita direito diretta dolor
dolore dor dorsale douleur droit droite dunndarm dunnschicht durchleuchtung ebene ebenen
echographie ecografia eierstock elleboog ellenbogen encefalo enkel entzundung epaule esame
esquerda esquerdo estomac estomago estudio examen fegato figado foie fot fraktur frattura frente
fur fuss fusse gallenblase gamba gambe ganzkoerper ganzkorper gauche gebarmutter gefass gefasse
gehirn gelenk genou gesicht ginocchia ginocchio glowa gomiti gomito hals halswirbelsaule hanche
hanches hande handgelenk hemorragia hemorragie hersenen herz heup higado hirn hjarna hjarta hlava
hochauflosend hofter hoger hombro hombros hoofd hrudnik huefte hueso huesos huft hufte huid huvud
hws intestin intestino izquierda izquierdo jambe jatra joelho joelhos kehlkopf kiefer kinder
klatka km kna knie knochen kolano koleno kontrastmittel kontrolle kopf kregoslup lagerung laringe
las leber ledvina leiste lendenwirbelsaule les lever lewy liegend links lombaire longen los
luftrohre lunga lunge lungen lungenembolie lungor lws maag magen mains mama mamas mani mano manos
met mezzo miednica milt milz milza mit mjalte muneca munecas muslo nach nachsorge nasennebenhohlen
nativ nebenhohlen nek nerka nier niere nieren njure oberarm oberschenkel oblicua occhi occhio oeil
ohne ohr ohren oido oidos ojo ojos olho ombro onderbeen onderzoek orecchio oreille ossa ouvido
ovaio ovaire ovario panev par pater pecho pelvica pelvienne perfil perna pescoco pie pied piede
piedi pieds pierna piernas piersiowa pies plice pluco poignet polmone polmoni pols polsi polso por
portatil poumon poumons pour prawy profil prostata pulmao pulmoes pulmon pulmones punho quadril
rachide rachis radiografia radiographie rameno recherche rechts rein reins rene reni resonancia
ressonancia rim rinon rinones rins rippe rippen risonanza rmn rodilla rodillas roentgen rontgen
ryggrad sans schadel schaedel schedel schicht schichten schilddruse schlaganfall schmerzen
schouder schulter seguimiento sein seins seitlich sem seni seno senos senza serce simples sin
sinistra sinistro skalle sous spalla spalle speiserohre spirale sprunggelenk srdce stehend
stellung stomaco suivi sur tac testa tete thoracique thyroide tireoide tiroide tiroides tobillo
tobillos tomografia torace toracica torax tornozelo tumorsuche ubersicht uebersicht ultrassom una
und une unterarm unterschenkel untersuchung urgente uroscanner utan utero vaisseaux vanster vasi
vasos veine veines vejiga venas vene venen verdacht verlauf vescica vesicula vesicule vessie
visage viso voet von vor watroba weichteil weichteile wervelkolom wirbelsaeule wirbelsaule yeux
zahn zahne zonder zum zur без брюшнои голова головного грудная грудь живот кисть клетка колено
контраст контрастом кт левыи легкие малого мозг мозга мрт органов отдел печень плечо позвоночник
полости почка почки поясничныи правыи рентген сердце стопа таз таза узи череп шеиныи шея
"""

# Words of everyday sentences: no clinical meaning, only no names after "for" or "by".
ORDINARY = """
a about above across adjacent again against also an any april are arrived as asked assessment
assigned august available away bad been begin being below big black both bring but by call called
came can cannot carpenter cause close come compared complain concern consent contact correct could
day days department despite did different differentiate discuss do doctor does done during each
eat eating either else entered etc exclude excluded explain father female few fit following from
further get give given go going gone good gray green had happen hart has have having he held help
her here hers him hospital how if inpatient interpretation into is issue it its itself june just
keep know known later least let like likely little made make male manager many mark max may me
mention might more most mother move much must my need needed needs nobody nothing now nurse often
old older once only onto opinion our own per perform person physician place plans please pls
possible present previously priority probable problem provide provided put question quickly
radiographer radiologist rather recent recently refuse regarding related remain requesting require
required resident rule ruled say seen send sent several she sheet should show shown since smoker
so some something soon started stay stone stopped such suspect take taken talk tell than that the
their them there these they thing think this those though today told tomorrow too took toward
transport try turn unable understand unless until up upon visit wait want ward was we went were
west what when where which while white who whom whose why will woman worse would write written
wrong yesterday yet yo you your yr yrs
"""

# Little words, name particles and titles: they never identify anyone alone.
FUNCTION_WORDS = """
a ab abu af al am an and ap as at av ben bin bint bsc by can da das de del della den der des di
dit do dos dr du e el en esq et for frcr from ha has he ibn if ii iii in is it iv jr junior la las
le les li lo los lu ma mac may mba mc md me mi mr mrs ms msc my ne ni no not o of on or os per phd
prof san sen sir so son sr st sta ste ten ter the to ul un up us van vd ve vel ven via vom von was
we will with y you zu zum zur
"""

# Words of institutions and addresses that name no particular one.
GENERIC_PLACE_WORDS = """
academic allee and associated associates at avenida avenue building calle care center centre
centro centrum children childrens city clinic clinica clinical clinics clinique college community
county ct das de department dept der des diagnostic diagnostics die district division du east
emergency floor for foundation general group health healthcare home hopital hospices hospital
hospitalier hospitals house image imagerie imaging in institut institute institution international
kantonsspital kinderklinik klinik kliniken klinikum krankenhaus la lab laboratory le les main
medical medicale medicine memorial mr mri national new north northern nuclear of office on
ospedale outpatient partners pediatric pet physicians platz plaza practice praxis private public
radiologia radiologie radiology region regional road royal rue saint sainte san sanitatsrat santa
scan school science sciences service services site south southern spital st state station strasse
street suite surgery system systems the trust unit universitaet universitaire universitario
universitat universitatsklinikum university us via ward weg west western women womens xray zentrum
"""

# Clinical words in Han and Hangul that names are made of as well.
IDEOGRAPHS = """
上 下 中 乳腺 低 侧位 側位 全身 冠动脉 冠動脈 冠状 前 前列腺 动脉 動脈 右 后 喉
増強 增强 大 大脑 大脳 头 头部 子宫 子宮 小 左 平扫 平掃 後 心 心脏 心臓 手
扫描 掃描 撮影 检查 検査 横断 檢查 正位 甲状腺 眼 矢状 耳 肝 肠 肩 肺 肾 胃 胆
胰 胸椎 胸部 脊柱 脑 脳 脾 腎 腦 腰椎 腸 腹部 膀胱 膝 膽 血管 足 軸位 轴位
造影 静脈 静脉 頭 頭部 頸椎 頸部 顱腦 颅脑 颈椎 颈部 骨 骨盆 骨盤 高 鼻 간 검사
경부 경추 골반 뇌 두부 무릎 복부 신장 심장 어깨 요추 정면 조영 척추 촬영 측면
흉부
"""
