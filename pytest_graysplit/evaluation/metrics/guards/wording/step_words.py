"""Words that tell whether the items of a numbered list are steps, in eight languages."""

from pytest_graysplit.evaluation.metrics.words import word_set

# A list after one of these is an instruction.
NAMING = word_set(
    "step steps instructions instruction procedure recipe howto schritt schritte schritten anleitung vorgehen rezept étape étapes"
    " procédure recette paso pasos instrucciones procedimiento receta passo passi istruzioni procedura ricetta passos instruções"
    " procedimento receita stap stappen instructies 步 骤"
)
# A list after one of these may have any order.
UNORDERED = word_set(
    "tip tips idea ideas way ways option options suggestion suggestions feature features benefit benefits reason reasons example"
    " examples song songs book books film films movie movies place places advantage advantages recommendation recommendations"
    " factor factors activity activities topic topics item items ingredient ingredients tipps ideen möglichkeiten gründe vorteile"
    " beispiele lieder bücher filme idées conseils options raisons avantages exemples chansons livres films consejos opciones"
    " razones ventajas ejemplos canciones libros consigli idee opzioni motivi vantaggi esempi canzoni libri dicas ideias opções"
    " razões vantagens exemplos músicas livros ideeën redenen voordelen voorbeelden liedjes boeken 建 议 技 巧 理 由 优 点"
)
# Words that link an item to the one before it.
LINKING = word_set(
    "then afterwards finally lastly next once until dann danach anschließend zuletzt schließlich puis ensuite enfin luego después"
    " finalmente poi infine depois daarna vervolgens tenslotte"
)
# Actions that cannot be done in any order, as an item begins or, in German and Dutch, ends with them.
ACTIONS = word_set(
    "open close remove insert unplug plug drain fill refill empty press push pull turn switch click tap select enter type log sign"
    " download install uninstall run restart reboot start stop save copy paste delete create mix stir pour boil heat preheat bake"
    " chop cut peel wash rinse dry wait attach detach connect disconnect screw unscrew tighten loosen place put fold measure mark"
    " drill glue apply submit upload export import commit merge deploy build compile verify confirm shut lift lower lock unlock"
    " navigate assemble reassemble replace scan swipe hold release shake cool freeze sand paint whisk add serve launch back"
    " öffnen öffne schließen schließe entfernen entferne ziehen ziehe drücken drücke klicken klicke wählen wähle geben melden laden"
    " lade installieren installiere starten starte neustarten speichern speichere löschen lösche mischen mische gießen gieße kochen"
    " erhitzen erhitze backen backe schneiden schneide waschen wasche trocknen trockne warten warte verbinden verbinde trennen"
    " trenne lösen löse legen lege setzen setze stecken einsetzen einlegen abschalten ausschalten einschalten herausnehmen ablassen"
    " ouvrez ouvrir fermez fermer retirez retirer débranchez branchez appuyez cliquez sélectionnez saisissez connectez téléchargez"
    " installez redémarrez lancez enregistrez supprimez mélangez versez chauffez préchauffez coupez lavez séchez attendez vissez"
    " dévissez placez mettez remettez videz remplissez éteignez allumez"
    " abra abre cierre cierra retire desenchufe desconecte conecte pulse presione haga seleccione introduzca inicie descargue"
    " instale reinicie guarde elimine mezcle vierta caliente precaliente corte lave seque espere coloque ponga apague encienda vacíe"
    " apri aprire apra chiudi chiuda rimuovi scollega collega premi clicca seleziona inserisci accedi scarica installa riavvia avvia"
    " salva elimina mescola versa scalda preriscalda taglia lava asciuga attendi aspetta spegni accendi svuota"
    " feche remova desligue ligue conecte pressione clique selecione insira digite baixe instale reinicie salve exclua misture despeje"
    " aqueça corte lave seque aguarde coloque esvazie"
    " sluit verwijder trek druk klik selecteer voer installeer herstart bewaar sla meng giet verwarm snijd was droog wacht plaats steek"
    " 打 关 拔 取 插 点 输 登 下 安 重 启 保 删 混 倒 加 切 洗 等 按 拧"
)
